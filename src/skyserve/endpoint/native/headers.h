#ifndef SKYSERVE_HEADERS_H
#define SKYSERVE_HEADERS_H

#include "envoy.h"

// A kind of header that is looked for: how often a request has it, and what it held the last time.
typedef struct {
  text name; // in lower case
  size_t count;
  text value;
} wanted;

// Fills in `count` and `value`, which begin as zeros. All at once, which costs Envoy less than to look for two.
void headers_find(stream, wanted *all, size_t count);

// What is sent more than once is not looked at.
static inline text only(const wanted *of) { return of->count == 1 ? of->value : (text){NULL, 0}; }

#endif
