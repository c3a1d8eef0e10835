#ifndef SKYSERVE_TALLY_H
#define SKYSERVE_TALLY_H

#include <stdint.h>

// What is counted of one service's requests: a file that lies in the memory of all who count, so that totals outlive each
// of them, and that the controller reads (skyserve.endpoint.tally, where its shape is written once more). All of it are
// numbers of 64 bits.
enum { STATUSES = 64, BOUNDS = 64, REPLICAS = 1024, KEYS_OF_SERVICE = 4096 };

// How long something took, by the first of the bounds that it is within.
typedef struct {
  uint64_t within[BOUNDS];
  uint64_t nanoseconds; // all together
} spread;

typedef struct {
  uint64_t answers[STATUSES]; // by their places in the tally's statuses
  spread first_byte;
  spread duration;
} series;

typedef struct {
  uint64_t requests;
  uint64_t refused;
  uint64_t tokens;
} usage;

// Where a name's numbers are: those at the same place. 0: nobody's yet.
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
  series of_replica[REPLICAS];
  usage of_key[KEYS_OF_SERVICE];
} tally;

// Which place a name was last found at: by one thread.
enum { REMEMBERED = 64 };
typedef struct {
  uint16_t replicas[REMEMBERED];
  uint16_t keys[REMEMBERED];
} memory;

// What was counted before is kept, unless with other bounds or by another version. Bounds: microseconds, ascending, fewer
// than BOUNDS; 0 ends them. NULL: there is no such file, and it cannot be made.
tally *tally_open(const char *path, const uint64_t *bounds);
void tally_close(tally *);

// Not 0 for any of them; 0 and 0 stand for no replica.
uint64_t replica_name(uint32_t replica, uint32_t version);

// The numbers of a name. If there is no place left, those that were not used for the longest time are let go of.
series *tally_of_replica(tally *, memory *, uint64_t name, uint64_t second);
usage *tally_of_key(tally *, memory *, uint64_t id, uint64_t second);

void tally_add(uint64_t *number, uint64_t more);
void tally_answer(tally *, series *, uint32_t status);
void tally_time(const tally *, spread *, uint64_t nanoseconds);

#endif
