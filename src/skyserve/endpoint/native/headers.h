#ifndef SKYSERVE_HEADERS_H
#define SKYSERVE_HEADERS_H

#include "envoy.h"

// Shows `each` all headers of a request, as they came. That costs Envoy less than to look for two.
void headers_show(stream, void (*each)(void *of, const header *), void *of);

// One kind of header: how often it was sent, and what it held the last time.
typedef struct {
  size_t count;
  text value;
} sent;

static inline sent sent_again(sent before, const header *one) { return (sent){before.count + 1, one->value}; }

// What is sent more than once is not looked at.
static inline text only(sent of) { return of.count == 1 ? of.value : (text){NULL, 0}; }

#endif
