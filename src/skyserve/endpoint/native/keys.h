#ifndef SKYSERVE_KEYS_H
#define SKYSERVE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

// What was found of a request's key.
typedef struct {
  uint64_t id; // 0: there was none, or it is not known
  bool refused;
  uint64_t tokens; // of the answer; 0: it told of none
} use;

// Of the request that has ended just now. Envoy tells of an end to the filters of a request and at once, in the same
// thread, to its logger; so that nothing has to be put into the request's metadata and be looked up there again.
use keys_take_use(void);

#endif
