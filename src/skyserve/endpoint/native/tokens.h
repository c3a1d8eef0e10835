#ifndef SKYSERVE_TOKENS_H
#define SKYSERVE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Counts the tokens of an answer, as its `usage` tells them: in JSON, or in a stream of events, wherever either is cut
// into pieces. What is told last counts; a stream that tells nothing counts its events.
typedef struct {
  bool events;           // it is a stream of events
  bool told;             // a total was found
  uint64_t total;        // the last one
  uint64_t counted;      // events
  uint64_t number;       // as far as its digits were read
  unsigned char in_name; // characters of the name that were matched
  unsigned char stage;   // what follows the name
  unsigned char in_line; // characters of "data:" that were matched at the beginning of a line
} tokens;

tokens tokens_of(bool events);
void tokens_read(tokens *, const char *data, size_t length);
uint64_t tokens_so_far(const tokens *);

#endif
