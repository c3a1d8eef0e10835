#include "rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *one, const void *other) {
  return memcmp(((const rule *)one)->digest, ((const rule *)other)->digest, DIGEST_BYTES);
}

static bool read_digest(const char hex[2 * DIGEST_BYTES + 1], uint8_t digest[DIGEST_BYTES]) {
  if (strlen(hex) != 2 * DIGEST_BYTES)
    return false;
  for (int i = 0; i < DIGEST_BYTES; i++)
    if (sscanf(hex + 2 * i, "%2hhx", &digest[i]) != 1)
      return false;
  return true;
}

static bool read_rule(const char *line, uint64_t service, rule *into) {
  char hex[2 * DIGEST_BYTES + 1];
  uint64_t id;
  int priority;
  uint32_t a_minute;
  if (sscanf(line, "key %64s %" SCNu64 " %d %" SCNd64 " %" SCNd64 " %" SCNu32, hex, &id, &priority, &into->expires,
             &into->spent, &a_minute) != 6 ||
      !read_digest(hex, into->digest))
    return false;
  snprintf(into->id, sizeof into->id, "%" PRIu64, id);
  if (priority != 0)
    snprintf(into->priority, sizeof into->priority, "%d", priority);
  if (a_minute != 0)
    into->requests = bucket_of(service, id, a_minute);
  return a_minute == 0 || into->requests != NULL;
}

static size_t lines_in(const char *text) {
  size_t count = 0;
  for (; (text = strchr(text, '\n')) != NULL; text++)
    count++;
  return count;
}

static bool read_all(const char *text, rules *into) {
  uint64_t service;
  int counts;
  if (sscanf(text, "service %" SCNu64 " %d", &service, &counts) != 2)
    return false;
  into->counts = counts != 0;
  into->of = calloc(lines_in(text) + 1, sizeof *into->of);
  if (into->of == NULL)
    return false;
  for (const char *line = strchr(text, '\n'); line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n'))
    if (!read_rule(line + 1, service, &into->of[into->count++]))
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
