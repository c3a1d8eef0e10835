#ifndef SKYSERVE_BUCKET_H
#define SKYSERVE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

// The requests that one API key may still send: a bucket of one minute's requests that is filled evenly.
typedef struct bucket bucket;

// What became of a request, and of the bucket. Times are whole seconds, rounded up.
typedef struct {
  bool taken;
  uint32_t left; // requests
  uint32_t wait; // until the next request can be taken; 0 where one was
  uint32_t full; // until the bucket is full again
} taking;

// The bucket of that key of that service for that rate, full when it is first asked for. It lives as long as the
// process: what is used up stays so, whatever configuration comes after this one. NULL: there is no memory. One thread
// at a time.
bucket *bucket_of(uint64_t service, uint64_t key, uint32_t a_minute);

// The requests a minute that it is filled with.
uint32_t bucket_rate(const bucket *);

// Take one request out of it, at a time in nanoseconds that never goes back. Any number of threads.
taking bucket_take(bucket *, int64_t now);

#endif
