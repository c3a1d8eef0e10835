#include "tally.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Changes with the shape of the file, so that an older one is told apart.
static const uint64_t FORMAT = UINT64_C(0x736b7974616c0001);
// Keeps names of replicas from being 0.
static const uint64_t REPLICA = UINT64_C(1) << 63;
// A place that is being emptied; nobody is called so.
static const uint64_t BUSY = UINT64_MAX;
// To open it: the first may find what has to go, or what somebody else has just removed.
enum { MOST_TRIES = 10 };

// Names, and the numbers of each.
typedef struct {
  place *places;
  size_t count;
  unsigned char *numbers;
  size_t each; // bytes
  uint16_t *remembered;
} table;

static uint64_t load(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

static void store(uint64_t *number, uint64_t value) { __atomic_store_n(number, value, __ATOMIC_RELEASE); }

// Whether it was what it was taken for, and is now what is wanted.
static bool replace(uint64_t *number, uint64_t taken_for, uint64_t wanted) {
  return __atomic_compare_exchange_n(number, &taken_for, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool is_at(const char *path, int file) {
  struct stat ours, named;
  return fstat(file, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

// All of its room on the disk is taken at once: a disk that is full when a number is written first would end the process.
static bool has_room(int file) {
  struct stat about;
  if (fstat(file, &about) != 0)
    return false;
  return about.st_size == sizeof(tally) || (about.st_size == 0 && posix_fallocate(file, 0, sizeof(tally)) == 0);
}

// NULL: it has another shape. The format comes last, so that nobody reads what is half made.
static tally *mapped(int file, const uint64_t bounds[BOUNDS]) {
  tally *of = mmap(NULL, sizeof *of, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (of == MAP_FAILED)
    return NULL;
  if (of->format == 0) {
    memcpy(of->bounds, bounds, sizeof of->bounds);
    store(&of->format, FORMAT);
  }
  if (of->format == FORMAT && memcmp(of->bounds, bounds, sizeof of->bounds) == 0)
    return of;
  tally_close(of);
  return NULL;
}

// An Envoy and its successor may come here at the same time. What has another shape is left to those who use it.
static tally *opened(const char *path, const uint64_t bounds[BOUNDS]) {
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return NULL;
  flock(file, LOCK_EX);
  tally *of = NULL;
  if (is_at(path, file)) {
    of = has_room(file) ? mapped(file, bounds) : NULL;
    if (of == NULL)
      unlink(path);
  }
  flock(file, LOCK_UN); // a mapping would keep it
  close(file);
  return of;
}

tally *tally_open(const char *path, const uint64_t *microseconds) {
  uint64_t bounds[BOUNDS];
  size_t count = 0;
  for (; count < BOUNDS - 1 && microseconds[count] != 0; count++)
    bounds[count] = 1000 * microseconds[count];
  for (; count < BOUNDS; count++)
    bounds[count] = UINT64_MAX;
  tally *of = NULL;
  for (int tries = 0; of == NULL && tries < MOST_TRIES; tries++)
    of = opened(path, bounds);
  return of;
}

void tally_close(tally *of) { munmap(of, sizeof *of); }

uint64_t replica_name(uint32_t replica, uint32_t version) { return REPLICA | (uint64_t)replica << 32 | version; }

// Whoever is stopped in the midst of it leaves a place that nobody uses again.
static bool take_over(table of, size_t at, uint64_t name) {
  uint64_t held = load(&of.places[at].name);
  if (held == BUSY || !replace(&of.places[at].name, held, BUSY))
    return false;
  memset(of.numbers + at * of.each, 0, of.each);
  store(&of.places[at].used, 0);
  store(&of.places[at].name, name);
  return true;
}

// Two who look for the same name at once may find it two places; whoever reads adds them up.
static size_t search(table of, uint64_t name) {
  for (;;) {
    size_t stalest = 0;
    for (size_t at = 0; at < of.count; at++) {
      place *here = &of.places[at];
      if (load(&here->name) == name || replace(&here->name, 0, name))
        return at;
      if (load(&of.places[stalest].name) == BUSY || load(&here->used) < load(&of.places[stalest].used))
        stalest = at;
    }
    if (take_over(of, stalest, name))
      return stalest;
  }
}

static void *numbers_of(table of, uint64_t name, uint64_t second) {
  uint16_t *at = &of.remembered[(name ^ name >> 32) % REMEMBERED];
  if (load(&of.places[*at].name) != name)
    *at = (uint16_t)search(of, name);
  if (load(&of.places[*at].used) < second)
    store(&of.places[*at].used, second);
  return of.numbers + *at * of.each;
}

series *tally_of_replica(tally *of, memory *by, uint64_t name, uint64_t second) {
  table all = {of->replicas, REPLICAS, (unsigned char *)of->of_replica, sizeof *of->of_replica, by->replicas};
  return numbers_of(all, name, second);
}

usage *tally_of_key(tally *of, memory *by, uint64_t id, uint64_t second) {
  table all = {of->keys, KEYS_OF_SERVICE, (unsigned char *)of->of_key, sizeof *of->of_key, by->keys};
  return numbers_of(all, id, second);
}

void tally_add(uint64_t *number, uint64_t more) { __atomic_fetch_add(number, more, __ATOMIC_RELAXED); }

// More statuses than there is room for are counted with others of their hundred.
static size_t place_of_status(tally *of, uint32_t status) {
  size_t alike = 0;
  for (size_t at = 0; at < STATUSES; at++) {
    uint64_t held = load(&of->statuses[at]);
    if (held == status + 1 || (held == 0 && replace(&of->statuses[at], 0, status + 1)))
      return at;
    held = load(&of->statuses[at]);
    if (held == status + 1)
      return at;
    if ((held - 1) / 100 == status / 100)
      alike = at;
  }
  return alike;
}

void tally_answer(tally *of, series *to, uint32_t status) { tally_add(&to->answers[place_of_status(of, status)], 1); }

void tally_time(const tally *of, spread *to, uint64_t nanoseconds) {
  size_t first = 0;
  for (size_t half = BOUNDS / 2; half != 0; half /= 2)
    if (of->bounds[first + half - 1] < nanoseconds)
      first += half;
  tally_add(&to->within[first], 1);
  tally_add(&to->nanoseconds, nanoseconds);
}
