#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// Changes with the shape of the file, so that an older one is told apart.
static const uint64_t FORMAT = UINT64_C(0x736b7974616c0001);

struct ledger {
  char *path;
  void (*tell)(const char *);
  bool made;   // there was a file once
  bool failed; // the last time; it was told
};

// One addition, while the file is nobody else's.
typedef struct {
  int file;
  tally *from;
  head head; // the file's
  uint16_t replicas[REPLICAS], keys[KEYS_OF_SERVICE]; // where the tally's places are in the file, or NOWHERE
} addition;
enum { NOWHERE = 0xffff };

static uint64_t take(uint64_t *number) { return __atomic_exchange_n(number, 0, __ATOMIC_RELAXED); }

static void take_all(uint64_t *from, uint64_t *into, size_t bytes) {
  for (size_t i = 0; i < bytes / sizeof *into; i++)
    into[i] = take(&from[i]);
}

static void add_all(const uint64_t *from, uint64_t *into, size_t bytes) {
  for (size_t i = 0; i < bytes / sizeof *into; i++)
    if (from[i] != 0)
      tally_add(&into[i], from[i]);
}

static bool get(const addition *a, void *into, size_t bytes, size_t at) {
  return pread(a->file, into, bytes, (off_t)at) == (ssize_t)bytes;
}

static bool put(const addition *a, const void *from, size_t bytes, size_t at) {
  for (size_t done = 0; done < bytes;) {
    ssize_t more = pwrite(a->file, (const char *)from + done, bytes - done, (off_t)(at + done));
    if (more < 0 && errno != EINTR)
      return false;
    done += more < 0 ? 0 : (size_t)more;
  }
  return true;
}

static bool is_answered(const tally *of, size_t replica) {
  for (size_t status = 0; status < STATUSES; status++)
    if (look(&of->of_replica[replica].answers[status]) != 0)
      return true;
  return false;
}

// What is to be added of a replica, or a key.
static bool is_new(tally *of, size_t replica) {
  uint64_t name = look(&of->head.replicas[replica].name);
  return name != 0 && name != BUSY && is_answered(of, replica);
}

static bool is_used(tally *of, size_t key) {
  uint64_t name = look(&of->head.keys[key].name);
  return name != 0 && name != BUSY && look(&of->of_key[key].requests) != 0;
}

// Requests with a key have an answer, too.
static bool has_news(tally *of) {
  for (size_t at = 0; at < REPLICAS && look(&of->head.replicas[at].name) != 0; at++)
    if (is_new(of, at))
      return true;
  return false;
}

// Where the name is in the file, from now on. A place that was another's, or nobody's, is emptied.
static bool find(addition *a, place *places, size_t count, const place *of, size_t numbers, size_t each,
                 uint16_t *found) {
  place named = {look(&of->name), look(&of->used)};
  size_t at = 0, stalest = 0;
  for (; at < count && places[at].name != 0 && places[at].name != named.name; at++)
    if (places[at].used < places[stalest].used)
      stalest = at;
  if (at == count)
    at = stalest;
  *found = (uint16_t)at;
  bool is_there = places[at].name == named.name;
  places[at] = (place){named.name, is_there && places[at].used > named.used ? places[at].used : named.used};
  static const series nothing;
  return is_there || put(a, &nothing, each, numbers + at * each);
}

static bool find_all(addition *a) {
  tally *from = a->from;
  for (size_t at = 0; at < REPLICAS; at++)
    if (is_new(from, at) && !find(a, a->head.replicas, REPLICAS, &from->head.replicas[at], offsetof(tally, of_replica),
                                  sizeof(series), &a->replicas[at]))
      return false;
  for (size_t at = 0; at < KEYS_OF_SERVICE; at++)
    if (is_used(from, at) && !find(a, a->head.keys, KEYS_OF_SERVICE, &from->head.keys[at], offsetof(tally, of_key),
                                   sizeof(usage), &a->keys[at]))
      return false;
  return true;
}

// The statuses that are new to the file get their places with the head, which is written before.
static void note_statuses(addition *a) {
  for (size_t at = 0; at < STATUSES; at++)
    if (look(&a->from->head.statuses[at]) != 0)
      place_of_status(a->head.statuses, look(&a->from->head.statuses[at]) - 1);
}

// Some numbers of the tally, to those of the file at `where`. The first `statuses` of them stand in each under the
// places of its own statuses.
static bool add_numbers(addition *a, uint64_t *counted, size_t bytes, size_t where, size_t statuses) {
  uint64_t taken[sizeof(series) / sizeof(uint64_t)], sum[sizeof(series) / sizeof(uint64_t)];
  if (!get(a, sum, bytes, where))
    return false;
  take_all(counted, taken, bytes);
  for (size_t at = 0; at < statuses; at++)
    if (taken[at] != 0)
      sum[place_of_status(a->head.statuses, look(&a->from->head.statuses[at]) - 1)] += taken[at];
  add_all(taken + statuses, sum + statuses, bytes - statuses * sizeof *sum);
  if (put(a, sum, bytes, where))
    return true;
  add_all(taken, counted, bytes);
  return false;
}

static bool add_replica(addition *a, size_t at) {
  size_t where = offsetof(tally, of_replica) + a->replicas[at] * sizeof(series);
  return add_numbers(a, (uint64_t *)&a->from->of_replica[at], sizeof(series), where, STATUSES);
}

static bool add_key(addition *a, size_t at) {
  size_t where = offsetof(tally, of_key) + a->keys[at] * sizeof(usage);
  return add_numbers(a, (uint64_t *)&a->from->of_key[at], sizeof(usage), where, 0);
}

static bool add_head(addition *a) {
  spread taken;
  note_statuses(a);
  take_all((uint64_t *)&a->from->head.first_byte, (uint64_t *)&taken, sizeof taken);
  add_all((uint64_t *)&taken, (uint64_t *)&a->head.first_byte, sizeof taken);
  if (put(a, &a->head, sizeof a->head, 0))
    return true;
  add_all((uint64_t *)&taken, (uint64_t *)&a->from->head.first_byte, sizeof taken);
  return false;
}

// Names before numbers: what could not be written is looked for there the next time.
static bool add(addition *a) {
  if (!find_all(a) || !add_head(a))
    return false;
  for (size_t at = 0; at < REPLICAS; at++)
    if (a->replicas[at] != NOWHERE && !add_replica(a, at))
      return false;
  for (size_t at = 0; at < KEYS_OF_SERVICE; at++)
    if (a->keys[at] != NOWHERE && !add_key(a, at))
      return false;
  return true;
}

// What has another shape, or was not written whole, is begun anew.
static bool read_head(addition *a) {
  const head *like = &a->from->head;
  if (get(a, &a->head, sizeof a->head, 0) && a->head.format == FORMAT &&
      memcmp(a->head.bounds, like->bounds, sizeof like->bounds) == 0)
    return true;
  memset(&a->head, 0, sizeof a->head);
  a->head.format = FORMAT;
  memcpy(a->head.bounds, like->bounds, sizeof like->bounds);
  return ftruncate(a->file, 0) == 0 && ftruncate(a->file, sizeof(tally)) == 0;
}

static bool add_locked(int file, tally *from) {
  addition a = {.file = file, .from = from};
  memset(a.replicas, 0xff, sizeof a.replicas);
  memset(a.keys, 0xff, sizeof a.keys);
  flock(file, LOCK_EX);
  bool added = read_head(&a) && add(&a);
  flock(file, LOCK_UN);
  return added;
}

static void note(ledger *l, bool done) {
  char message[512];
  if (!done && !l->failed) {
    snprintf(message, sizeof message, "%s cannot be written: %s. It is tried again.", l->path, strerror(errno));
    l->tell(message);
  }
  l->failed = !done;
}

void ledger_add(ledger *l, tally *from) {
  if (!has_news(from))
    return;
  int file = open(l->path, O_RDWR | O_CLOEXEC | (l->made ? 0 : O_CREAT), 0600);
  if (file < 0 && l->made && errno == ENOENT)
    return;
  l->made = l->made || file >= 0;
  note(l, file >= 0 && add_locked(file, from));
  if (file >= 0)
    close(file);
}

ledger *ledger_open(const char *path, void (*tell)(const char *)) {
  ledger *l = calloc(1, sizeof *l);
  if (l == NULL || (l->path = strdup(path)) == NULL)
    abort();
  l->tell = tell;
  return l;
}

void ledger_close(ledger *l) {
  free(l->path);
  free(l);
}
