#ifndef SKYSERVE_TOKENS_H
#define SKYSERVE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What an answer may tell, in the order of their names in tokens.c.
enum count { TOTAL, INPUT, OUTPUT, COUNTS };
enum { LONGEST_NAME = 13 };

// Counts the tokens of an answer, as its `usage` tells them: in JSON, or in a stream of events, wherever either is cut
// into pieces. Of each number the last counts.
typedef struct {
  bool events; // it is a stream of events
  bool told[COUNTS];
  uint64_t number[COUNTS]; // the last that was told
  uint64_t counted;        // events
  uint64_t digits;         // as far as a number was read
  enum count named;        // which number is being read
  unsigned char stage;
  unsigned char in_line; // characters of "data:" that were matched at the beginning of a line
  unsigned char length;  // of what was read of a name
  char name[LONGEST_NAME];
} tokens;

tokens tokens_of(bool events);
void tokens_read(tokens *, const char *data, size_t length);

// The total, if it was told, or what came in and went out; but of a stream no less than it has events, or a client
// could have a small number told by something of its own that the server repeats, and hang up before the true one.
uint64_t tokens_so_far(const tokens *);

#endif
