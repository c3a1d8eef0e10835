#include "prompt.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const char *at;
  const char *end;
} reader;

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *after_blanks(const char *at, const char *end) {
  while (at < end && is_blank(*at))
    at++;
  return at;
}

static size_t put_utf8(char *into, uint32_t code) {
  unsigned char *to = (unsigned char *)into;
  if (code < 0x80)
    return to[0] = (unsigned char)code, 1;
  if (code < 0x800)
    return to[0] = (unsigned char)(0xC0 | code >> 6), to[1] = 0x80 | (code & 0x3F), 2;
  if (code < 0x10000)
    return to[0] = (unsigned char)(0xE0 | code >> 12), to[1] = 0x80 | (code >> 6 & 0x3F),
           to[2] = 0x80 | (code & 0x3F), 3;
  return to[0] = (unsigned char)(0xF0 | code >> 18), to[1] = 0x80 | (code >> 12 & 0x3F),
         to[2] = 0x80 | (code >> 6 & 0x3F), to[3] = 0x80 | (code & 0x3F), 4;
}

// The number that four hexadecimal digits are; 0 if they are none. Those that are there are passed.
static uint32_t take_hex(reader *from) {
  uint32_t number = 0;
  bool good = from->end - from->at >= 4;
  for (int i = 0; i < 4 && from->at < from->end; i++) {
    char c = *from->at++;
    number = number << 4 | (uint32_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    good = good && (is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'));
  }
  return good ? number : 0;
}

// What an escape stands for, whose backslash was read. Returns how many bytes were put, 4 at the most.
static size_t take_escape(reader *from, char *into) {
  static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
  if (from->at == from->end)
    return 0;
  char letter = *from->at++;
  if (letter != 'u') {
    const char *known = memchr(letters, letter, sizeof letters - 1);
    *into = known == NULL ? letter : meant[known - letters];
    return 1;
  }
  uint32_t code = take_hex(from);
  // The first half of a pair, as UTF-16 has it.
  if (code >= 0xD800 && code < 0xDC00 && from->end - from->at >= 2 && from->at[0] == '\\' && from->at[1] == 'u') {
    from->at += 2;
    code = 0x10000 + ((code - 0xD800) << 10) + ((take_hex(from) - 0xDC00) & 0x3FF);
  }
  return put_utf8(into, code);
}

// The first such character from there on, or the end; `last` is where it was found before, if it was looked for.
static const char *next(const reader *from, const char *last, char c) {
  if (last != NULL && last >= from->at)
    return last;
  const char *found = memchr(from->at, c, (size_t)(from->end - from->at));
  return found == NULL ? from->end : found;
}

// The text of a string, whose opening quote was read, cut where there is no more room or a few bytes later. `whole`:
// its closing quote was read, too.
static size_t take_string(reader *from, char *into, size_t room, bool *whole) {
  const char *quote = NULL, *escape = NULL;
  size_t length = 0;
  *whole = false;
  while (length < room && from->at < from->end) {
    quote = next(from, quote, '"'), escape = next(from, escape, '\\');
    size_t run = (size_t)((quote < escape ? quote : escape) - from->at);
    run = run < room - length ? run : room - length;
    memcpy(into + length, from->at, run);
    length += run, from->at += run;
    if (length == room || from->at == from->end)
      break;
    if (*from->at++ == '"') {
      *whole = true;
      break;
    }
    length += take_escape(from, into + length);
  }
  return length;
}

enum field { NO_FIELD, ROLE, CONTENT, OTHER };

static bool is(const char *text, size_t length, const char *word) {
  return length == strlen(word) && memcmp(text, word, length) == 0;
}

// What a list of messages says, whose opening bracket was read.
static size_t take_messages(reader *from, char *into, size_t most) {
  enum field field = NO_FIELD;
  bool of_type = false, of_user = false;
  size_t length = 0;
  for (int depth = 1; length < most && from->at < from->end;) {
    char c = *from->at++;
    if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      depth--;
      if (depth == 0 || (depth == 1 && of_user))
        break;
      if (depth == 1) {
        into[length++] = '\0';
        field = NO_FIELD;
        of_type = of_user = false;
      }
    } else if (c == '"') {
      bool whole;
      size_t rest = most - length, room = rest > SPARE_BYTES - 8 ? rest : SPARE_BYTES - 8;
      char *text = into + length;
      size_t read = take_string(from, text, room, &whole);
      const char *next = after_blanks(from->at, from->end);
      if (whole && next < from->end && *next == ':') {
        if (depth == 2)
          field = is(text, read, "role") ? ROLE : is(text, read, "content") ? CONTENT : OTHER;
        of_type = depth != 2 && is(text, read, "type");
      } else if (field == ROLE && depth == 2) {
        of_user = is(text, read, "user");
      } else if (depth == 1 || (field == CONTENT && !of_type)) {
        length += read;
      }
      if (depth == 1 || !whole)
        break;
    }
  }
  return length < most ? length : most;
}

// Behind the colon and blanks of a key, if its value is a text or a list; NULL: there is no such key.
static const char *value_of(const char *json, const char *end, const char *quoted) {
  size_t length = strlen(quoted);
  while ((json = memmem(json, (size_t)(end - json), quoted, length)) != NULL) {
    json += length;
    const char *at = after_blanks(json, end);
    if (at < end && *at == ':' && (at = after_blanks(at + 1, end)) < end && (*at == '"' || *at == '['))
      return at;
  }
  return NULL;
}

// Numbers of tokens, in a list or in lists, without the blanks between them; 0: it is no such list.
static size_t take_numbers(const char *at, const char *end, char *into, size_t most) {
  size_t length = 0;
  bool digits = false;
  if (*at != '[')
    return 0;
  for (const char *last = (size_t)(end - at) > 2 * most ? at + 2 * most : end; at < last && length < most; at++) {
    if (!is_digit(*at) && *at != ',' && *at != '[' && !is_blank(*at))
      break;
    digits = digits || is_digit(*at);
    if (!is_blank(*at))
      into[length++] = *at;
  }
  return digits ? length : 0;
}

size_t prompt_begin(const char *json, size_t length, char *into, size_t most) {
  const char *end = json + length, *opening = value_of(json, end, "\"messages\"");
  if (opening == NULL)
    opening = value_of(json, end, "\"prompt\"");
  if (opening == NULL)
    opening = value_of(json, end, "\"input\"");
  if (opening == NULL)
    return 0;
  size_t numbers = take_numbers(opening, end, into, most);
  if (numbers != 0)
    return numbers;
  reader from = {opening + 1, end};
  if (*opening == '[')
    return take_messages(&from, into, most);
  bool whole;
  size_t read = take_string(&from, into, most, &whole);
  return read < most ? read : most;
}
