#include "line.h"

#include <stdlib.h>
#include <string.h>

#include "digits.h"

enum { LONGEST_ESCAPE = sizeof "\\u0000" - 1 };

// Room for so many bytes more. Without memory there is no way on for Envoy either.
static void reserve(line *of, size_t bytes) {
  size_t needed = of->length + bytes;
  if (needed <= of->room)
    return;
  of->room = 2 * needed;
  of->data = realloc(of->data, of->room);
  if (of->data == NULL)
    abort();
}

static void put(line *of, const char *data, size_t length) {
  memcpy(of->data + of->length, data, length);
  of->length += length;
}

static void escape(line *of, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    const char escaped[] = {'\\', (char)c};
    put(of, escaped, sizeof escaped);
    return;
  }
  const char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
  put(of, escaped, sizeof escaped);
}

static bool is_plain(unsigned char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

static const uint64_t EACH = UINT64_C(0x0101010101010101);

// Whether eight bytes are all plain. The highest bit tells of one that is not: it is there beyond ASCII, and comes when
// ' ' is taken from what is less, one added to 0x7f, or one taken from a quote or a backslash that was made 0.
static bool are_plain(const char *data) {
  uint64_t word;
  memcpy(&word, data, sizeof word);
  uint64_t quotes = (word ^ EACH * '"') - EACH, backslashes = (word ^ EACH * '\\') - EACH;
  return ((word | (word - EACH * ' ') | (word + EACH) | quotes | backslashes) & EACH * 0x80) == 0;
}

static void put_escaped(line *of, const char *data, size_t length) {
  const char *end = data + length;
  while (data < end)
    if (end - data >= 8 && are_plain(data)) {
      put(of, data, 8);
      data += 8;
    } else if (is_plain((unsigned char)*data)) {
      of->data[of->length++] = *data++;
    } else {
      escape(of, (unsigned char)*data++);
    }
}

static void put_name(line *of, const char *name, size_t for_value) {
  size_t length = strlen(name);
  reserve(of, length + sizeof ",\"\":" - 1 + for_value);
  if (of->length > 1)
    of->data[of->length++] = ',';
  of->data[of->length++] = '"';
  put(of, name, length);
  put(of, "\":", 2);
}

void line_begin(line *of) {
  of->length = 0;
  reserve(of, 1);
  put(of, "{", 1);
}

void line_text(line *of, const char *name, const char *data, size_t length) {
  if (data == NULL) {
    line_null(of, name);
    return;
  }
  put_name(of, name, LONGEST_ESCAPE * length + 2);
  of->data[of->length++] = '"';
  put_escaped(of, data, length);
  of->data[of->length++] = '"';
}

void line_number(line *of, const char *name, uint64_t number) {
  char room[DIGITS];
  text written = digits(room, number);
  put_name(of, name, written.length);
  put(of, written.data, written.length);
}

void line_null(line *of, const char *name) {
  put_name(of, name, 4);
  put(of, "null", 4);
}

void line_end(line *of) {
  reserve(of, 2);
  put(of, "}\n", 2);
}
