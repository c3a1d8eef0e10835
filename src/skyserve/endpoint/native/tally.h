#ifndef SKYSERVE_TALLY_H
#define SKYSERVE_TALLY_H

#include <stddef.h>
#include <stdint.h>

// What is counted of one service's requests. It stands in a file, for which the controller has the same shape once more
// (skyserve.endpoint.tally), and while it is being counted in memory. All of it are numbers of 64 bits.
enum { STATUSES = 64, BOUNDS = 64, REPLICAS = 1024, KEYS_OF_SERVICE = 4096 };

// How long something took, by the first of the bounds that it is within.
typedef struct {
  uint64_t within[BOUNDS];
  uint64_t nanoseconds; // all together
} spread;

typedef struct {
  uint64_t answers[STATUSES]; // by their places among the statuses
  spread first_byte;
  spread duration;
} series;

typedef struct {
  uint64_t requests;
  uint64_t refused;
  uint64_t tokens;
} usage;

// Where a name's numbers are: those at the same place. 0: nobody's yet; BUSY: it is being given to somebody else.
static const uint64_t BUSY = UINT64_MAX;
typedef struct {
  uint64_t name;
  uint64_t used; // seconds since the epoch
} place;

typedef struct {
  uint64_t format;
  uint64_t bounds[BOUNDS];     // nanoseconds, ascending; the last is as good as none
  uint64_t statuses[STATUSES]; // in the order in which they came; each one more than it is
  spread first_byte;           // of all replicas
  place replicas[REPLICAS];    // by replica_name
  place keys[KEYS_OF_SERVICE]; // by id
} head;

typedef struct {
  head head;
  series of_replica[REPLICAS];
  usage of_key[KEYS_OF_SERVICE];
} tally;

// Which place a name was last found at: by one thread.
enum { REMEMBERED = 64 };
typedef struct {
  uint16_t replicas[REMEMBERED];
  uint16_t keys[REMEMBERED];
} memory;

// Nothing is counted yet. Bounds: microseconds, ascending, fewer than BOUNDS; 0 ends them.
tally *tally_new(const uint64_t *bounds);
void tally_free(tally *);

// Not 0 for any of them; 0 and 0 stand for no replica.
uint64_t replica_name(uint32_t replica, uint32_t version);

// The numbers of a name. If there is no place left, those that were not used for the longest time are let go of.
series *tally_of_replica(tally *, memory *, uint64_t name, uint64_t second);
usage *tally_of_key(tally *, memory *, uint64_t id, uint64_t second);

// Others count meanwhile.
static inline uint64_t look(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

void tally_add(uint64_t *number, uint64_t more);
void tally_answer(tally *, series *, uint32_t status);
void tally_time(const tally *, spread *, uint64_t nanoseconds);

// Where it is counted. More statuses than there is room for are counted as the first of their hundred.
size_t place_of_status(uint64_t statuses[STATUSES], uint64_t status);

#endif
