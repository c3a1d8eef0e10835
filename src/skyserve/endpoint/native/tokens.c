#include "tokens.h"

#include <string.h>

// Within a JSON text the quotes of an inner text are escaped, so that these can only be keys (or texts of this one
// word). OpenAI's API tells the total; Anthropic's, and OpenAI's of responses, what came in and what went out.
static const char *const NAMES[COUNTS] = {"total_tokens", "input_tokens", "output_tokens"};
static const char FIELD[] = "data:";
enum { FIELD_LENGTH = sizeof FIELD - 1 };
// More digits than any count has.
static const uint64_t MOST = 1000000000000;

enum stage { ELSEWHERE, IN_NAME, BEFORE_COLON, BEFORE_NUMBER, IN_NUMBER };
enum { NOT_AT_BEGINNING = 255 };

tokens tokens_of(bool events) { return (tokens){.events = events}; }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_known(tokens *of) {
  for (of->named = TOTAL; of->named < COUNTS; of->named++)
    if (strlen(NAMES[of->named]) == of->length && memcmp(NAMES[of->named], of->name, of->length) == 0)
      return true;
  return false;
}

// A quote ends one text and may begin another: what it does is not known, and the names hold none.
static void read_name(tokens *of, char c) {
  if (c == '"') {
    of->stage = of->stage == IN_NAME && is_known(of) ? BEFORE_COLON : IN_NAME;
    of->length = 0;
  } else if (of->stage == IN_NAME && of->length < LONGEST_NAME) {
    of->name[of->length++] = c;
  } else {
    of->stage = ELSEWHERE;
  }
}

static void read_character(tokens *of, char c) {
  switch (of->stage) {
  case BEFORE_COLON:
    if (c == ':')
      of->stage = BEFORE_NUMBER, of->digits = 0;
    if (c == ':' || is_blank(c))
      return;
    break;
  case BEFORE_NUMBER:
  case IN_NUMBER:
    if (is_digit(c)) {
      of->digits = of->digits < MOST ? 10 * of->digits + (uint64_t)(c - '0') : MOST;
      of->stage = IN_NUMBER;
      return;
    }
    if (of->stage == BEFORE_NUMBER && is_blank(c))
      return;
    if (of->stage == IN_NUMBER)
      of->number[of->named] = of->digits, of->told[of->named] = true;
    break;
  case IN_NAME:
    read_name(of, c);
    return;
  }
  of->stage = ELSEWHERE;
  read_name(of, c);
}

static void look_for_usage(tokens *of, const char *data, size_t length) {
  for (const char *at = data, *end = data + length; at < end; at++) {
    if (of->stage == ELSEWHERE && (at = memchr(at, '"', (size_t)(end - at))) == NULL)
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
  look_for_usage(of, data, length);
  if (of->events)
    count_events(of, data, length);
}

uint64_t tokens_so_far(const tokens *of) {
  uint64_t told = of->told[TOTAL] ? of->number[TOTAL] : of->number[INPUT] + of->number[OUTPUT];
  return told > of->counted ? told : of->counted;
}
