#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

// Keeps names of replicas from being 0.
static const uint64_t REPLICA = UINT64_C(1) << 63;
enum { HUNDREDS = 10 };

// Names, and the numbers of each.
typedef struct {
  place *places;
  size_t count;
  unsigned char *numbers;
  size_t each; // bytes
  uint16_t *remembered;
} table;

static void store(uint64_t *number, uint64_t value) { __atomic_store_n(number, value, __ATOMIC_RELEASE); }

// Whether it was what it was taken for, and is now what is wanted.
static bool replace(uint64_t *number, uint64_t taken_for, uint64_t wanted) {
  return __atomic_compare_exchange_n(number, &taken_for, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

tally *tally_new(const uint64_t *microseconds) {
  // Not from the heap: of most services most places are never touched, and take no memory.
  tally *of = mmap(NULL, sizeof *of, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (of == MAP_FAILED)
    abort();
  size_t count = 0;
  for (; count < BOUNDS - 1 && microseconds[count] != 0; count++)
    of->head.bounds[count] = 1000 * microseconds[count];
  for (; count < BOUNDS; count++)
    of->head.bounds[count] = UINT64_MAX;
  return of;
}

void tally_free(tally *of) { munmap(of, sizeof *of); }

uint64_t replica_name(uint32_t replica, uint32_t version) { return REPLICA | (uint64_t)replica << 32 | version; }

static bool take_over(table of, size_t at, uint64_t name) {
  uint64_t held = look(&of.places[at].name);
  if (held == BUSY || !replace(&of.places[at].name, held, BUSY))
    return false;
  uint64_t *numbers = (uint64_t *)(of.numbers + at * of.each);
  for (size_t i = 0; i < of.each / sizeof *numbers; i++)
    store(&numbers[i], 0);
  store(&of.places[at].used, 0);
  store(&of.places[at].name, name);
  return true;
}

// Two who look for the same name at once may find it two places.
static size_t search(table of, uint64_t name) {
  for (;;) {
    size_t stalest = of.count;
    for (size_t at = 0; at < of.count; at++) {
      place *here = &of.places[at];
      uint64_t held = look(&here->name);
      if (held == 0 && replace(&here->name, 0, name))
        return at;
      if (held == 0)
        held = look(&here->name);
      if (held == name)
        return at;
      if (held != BUSY && (stalest == of.count || look(&here->used) < look(&of.places[stalest].used)))
        stalest = at;
    }
    if (stalest != of.count && take_over(of, stalest, name))
      return stalest;
  }
}

static void *numbers_of(table of, uint64_t name, uint64_t second) {
  uint16_t *at = &of.remembered[(name ^ name >> 32) % REMEMBERED];
  if (look(&of.places[*at].name) != name)
    *at = (uint16_t)search(of, name);
  if (look(&of.places[*at].used) < second)
    store(&of.places[*at].used, second);
  return of.numbers + *at * of.each;
}

series *tally_of_replica(tally *of, memory *by, uint64_t name, uint64_t second) {
  table all = {of->head.replicas, REPLICAS, (unsigned char *)of->of_replica, sizeof *of->of_replica, by->replicas};
  return numbers_of(all, name, second);
}

usage *tally_of_key(tally *of, memory *by, uint64_t id, uint64_t second) {
  table all = {of->head.keys, KEYS_OF_SERVICE, (unsigned char *)of->of_key, sizeof *of->of_key, by->keys};
  return numbers_of(all, id, second);
}

void tally_add(uint64_t *number, uint64_t more) { __atomic_fetch_add(number, more, __ATOMIC_RELAXED); }

static bool is_status(uint64_t *place, uint64_t status, bool may_take) {
  uint64_t held = look(place);
  if (held == 0 && may_take && replace(place, 0, status + 1))
    return true;
  return look(place) == status + 1;
}

size_t place_of_status(uint64_t statuses[STATUSES], uint64_t status) {
  // The last places are for those that are the first of a hundred.
  enum { OTHERS = STATUSES - HUNDREDS };
  if (status >= 100 * HUNDREDS)
    status = 100 * HUNDREDS - 1;
  for (;; status -= status % 100)
    for (size_t at = 0; at < STATUSES; at++)
      if (is_status(&statuses[at], status, at < OTHERS || status % 100 == 0))
        return at;
}

void tally_answer(tally *of, series *to, uint32_t status) {
  tally_add(&to->answers[place_of_status(of->head.statuses, status)], 1);
}

void tally_time(const tally *of, spread *to, uint64_t nanoseconds) {
  size_t first = 0;
  for (size_t half = BOUNDS / 2; half != 0; half /= 2)
    if (of->head.bounds[first + half - 1] < nanoseconds)
      first += half;
  tally_add(&to->within[first], 1);
  tally_add(&to->nanoseconds, nanoseconds);
}
