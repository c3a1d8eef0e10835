#ifndef SKYSERVE_RULES_H
#define SKYSERVE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bucket.h"
#include "sha256.h"

enum { PRIORITY_BYTES = 16 };

// What has to be known of one API key.
typedef struct {
  uint8_t digest[DIGEST_BYTES];
  uint64_t id;
  char priority[PRIORITY_BYTES]; // "": its requests have none
  int64_t expires;               // milliseconds since the epoch; 0: never
  int64_t spent;                 // its budget of tokens is spent until then; 0: it is not
  bucket *requests;              // NULL: as many as it likes
} rule;

// All keys of a service.
typedef struct {
  bool counts; // the tokens of answers are counted
  size_t count;
  rule *of; // ascending by digest
} rules;

// From lines, as skyserve.endpoint.translate.keys writes them:
//   service ID COUNTS
//   key DIGEST ID PRIORITY EXPIRES SPENT REQUESTS_A_MINUTE
// Numbers are whole, and 0 where there is none. NULL: it is not of that form, or there is no memory.
rules *rules_read(const char *lines, size_t length);
void rules_free(rules *);

// NULL: there is no such key.
const rule *rules_find(const rules *, const uint8_t digest[DIGEST_BYTES]);

#endif
