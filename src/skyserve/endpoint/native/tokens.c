#include "tokens.h"

#include <string.h>

// Within a JSON text the quotes of an inner text are escaped, so that this can only be a key (or a text of this one word).
static const char NAME[] = "\"total_tokens\"";
static const char FIELD[] = "data:";
enum { NAME_LENGTH = sizeof NAME - 1, FIELD_LENGTH = sizeof FIELD - 1 };
// More digits than any count has.
static const uint64_t MOST = 1000000000000;

enum stage { IN_NAME, BEFORE_COLON, BEFORE_NUMBER, IN_NUMBER };
enum { NOT_AT_BEGINNING = 255 };

tokens tokens_of(bool events) { return (tokens){.events = events}; }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Only the first of the name's characters and the last are quotes, so that what follows a mismatch can only begin anew.
static void match_name(tokens *of, char c) {
  of->in_name = c == NAME[of->in_name] ? of->in_name + 1 : c == NAME[0];
  if (of->in_name == NAME_LENGTH) {
    of->in_name = 0;
    of->stage = BEFORE_COLON;
  }
}

static void read_character(tokens *of, char c) {
  switch (of->stage) {
  case BEFORE_COLON:
    if (c == ':')
      of->stage = BEFORE_NUMBER, of->number = 0;
    if (c == ':' || is_blank(c))
      return;
    break;
  case BEFORE_NUMBER:
  case IN_NUMBER:
    if (is_digit(c)) {
      of->number = of->number < MOST ? 10 * of->number + (uint64_t)(c - '0') : MOST;
      of->stage = IN_NUMBER;
      return;
    }
    if (of->stage == BEFORE_NUMBER && is_blank(c))
      return;
    if (of->stage == IN_NUMBER)
      of->total = of->number, of->told = true;
    break;
  }
  of->stage = IN_NAME;
  match_name(of, c);
}

static void look_for_total(tokens *of, const char *data, size_t length) {
  for (const char *at = data, *end = data + length; at < end; at++) {
    if (of->stage == IN_NAME && of->in_name == 0 && (at = memchr(at, NAME[0], (size_t)(end - at))) == NULL)
      return;
    read_character(of, *at);
  }
}

static void count_events(tokens *of, const char *data, size_t length) {
  for (const char *at = data, *end = data + length; at < end; at++) {
    if (of->in_line == NOT_AT_BEGINNING && (at = memchr(at, '\n', (size_t)(end - at))) == NULL)
      return;
    if (*at == '\n')
      of->in_line = 0;
    else
      of->in_line = *at == FIELD[of->in_line] ? of->in_line + 1 : NOT_AT_BEGINNING;
    if (of->in_line == FIELD_LENGTH) {
      of->counted++;
      of->in_line = NOT_AT_BEGINNING;
    }
  }
}

void tokens_read(tokens *of, const char *data, size_t length) {
  look_for_total(of, data, length);
  if (of->events && !of->told)
    count_events(of, data, length);
}

uint64_t tokens_so_far(const tokens *of) { return of->told ? of->total : of->counted; }
