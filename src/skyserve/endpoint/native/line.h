#ifndef SKYSERVE_LINE_H
#define SKYSERVE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One JSON object in one line, as it is being written. Begins as zeros; whoever is done with it frees `data`.
typedef struct {
  char *data;
  size_t length;
  size_t room;
} line;

// Empties it, and begins an object.
void line_begin(line *);

// Of each there is the name, and what it is. Names are written as they are. A text may hold any bytes: those beyond
// ASCII are taken for Latin-1, as they are in headers. `data` NULL: it is null.
void line_text(line *, const char *name, const char *data, size_t length);
void line_number(line *, const char *name, uint64_t);
void line_null(line *, const char *name);

// Ends the object, and the line.
void line_end(line *);

#endif
