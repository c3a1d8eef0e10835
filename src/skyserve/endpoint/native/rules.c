#include "rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *one, const void *other) {
  return memcmp(((const rule *)one)->digest, ((const rule *)other)->digest, DIGEST_BYTES);
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static bool read_digest(const char hex[2 * DIGEST_BYTES], uint8_t digest[DIGEST_BYTES]) {
  for (int i = 0; i < DIGEST_BYTES; i++) {
    int high = hex_digit(hex[2 * i]), low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
    if (low < 0)
      return false;
    digest[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static bool read_rule(const char *line, uint64_t service, rule *into) {
  static const char begin[] = "key ";
  int priority;
  uint32_t a_minute;
  if (strncmp(line, begin, sizeof begin - 1) != 0 || !read_digest(line += sizeof begin - 1, into->digest) ||
      sscanf(line + 2 * DIGEST_BYTES, " %" SCNu64 " %d %" SCNd64 " %" SCNd64 " %" SCNu32, &into->id,
             &priority, &into->expires, &into->spent, &a_minute) != 5)
    return false;
  if (priority != 0)
    snprintf(into->priority, sizeof into->priority, "%d", priority);
  if (a_minute != 0)
    into->requests = bucket_of(service, into->id, a_minute);
  return a_minute == 0 || into->requests != NULL;
}

static size_t lines_in(const char *text) {
  size_t count = 0;
  for (; (text = strchr(text, '\n')) != NULL; text++)
    count++;
  return count;
}

// Each line for itself: sscanf measures all the text that it is given.
static bool read_all(char *text, rules *into) {
  uint64_t service;
  int counts;
  size_t lines = lines_in(text);
  char *rest = text, *line = strsep(&rest, "\n");
  if (sscanf(line, "service %" SCNu64 " %d", &service, &counts) != 2)
    return false;
  into->counts = counts != 0;
  into->of = calloc(lines + 1, sizeof *into->of);
  if (into->of == NULL)
    return false;
  while ((line = strsep(&rest, "\n")) != NULL && *line != '\0')
    if (!read_rule(line, service, &into->of[into->count++]))
      return false;
  qsort(into->of, into->count, sizeof *into->of, compare);
  return true;
}

rules *rules_read(const char *lines, size_t length) {
  char *text = strndup(lines, length);
  rules *made = calloc(1, sizeof *made);
  if (text != NULL && made != NULL && read_all(text, made)) {
    free(text);
    return made;
  }
  free(text);
  rules_free(made);
  return NULL;
}

void rules_free(rules *these) {
  if (these != NULL)
    free(these->of);
  free(these);
}

const rule *rules_find(const rules *these, const uint8_t digest[DIGEST_BYTES]) {
  return bsearch(digest, these->of, these->count, sizeof *these->of, compare);
}
