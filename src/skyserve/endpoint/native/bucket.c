#include "bucket.h"

#include <stdatomic.h>
#include <stdlib.h>

static const int64_t SECOND = 1000000000, MINUTE = 60 * SECOND;

// The generic cell rate algorithm (ITU-T I.371, annex A): all there is to remember is when the bucket is full again,
// if nothing more is taken; so that one atomic number does for any number of threads.
struct bucket {
  _Atomic int64_t full_at;
  uint64_t service;
  uint64_t key;
  uint32_t a_minute;
  struct bucket *next;
};

enum { SHELVES = 4096 };
static struct bucket *shelves[SHELVES];

bucket *bucket_of(uint64_t service, uint64_t key, uint32_t a_minute) {
  struct bucket **shelf = &shelves[(service * 31 + key) % SHELVES];
  for (struct bucket *one = *shelf; one != NULL; one = one->next)
    if (one->service == service && one->key == key && one->a_minute == a_minute)
      return one;
  struct bucket *made = calloc(1, sizeof *made);
  if (made == NULL)
    return NULL;
  made->service = service, made->key = key, made->a_minute = a_minute;
  made->next = *shelf;
  return *shelf = made;
}

uint32_t bucket_rate(const bucket *of) { return of->a_minute; }

static uint32_t seconds(int64_t nanoseconds) {
  return nanoseconds <= 0 ? 0 : (uint32_t)((nanoseconds + SECOND - 1) / SECOND);
}

taking bucket_take(bucket *from, int64_t now) {
  const int64_t each = MINUTE / from->a_minute;
  int64_t full_at = atomic_load_explicit(&from->full_at, memory_order_relaxed);
  while (true) {
    int64_t empty = (full_at > now ? full_at - now : 0) + each;
    if (empty > MINUTE)
      return (taking){false, 0, seconds(empty - MINUTE), seconds(empty - each)};
    if (atomic_compare_exchange_weak_explicit(&from->full_at, &full_at, now + empty, memory_order_relaxed,
                                              memory_order_relaxed))
      return (taking){true, (uint32_t)((MINUTE - empty) / each), 0, seconds(empty)};
  }
}
