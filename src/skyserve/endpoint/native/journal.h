#ifndef SKYSERVE_JOURNAL_H
#define SKYSERVE_JOURNAL_H

#include <stddef.h>

// A file that lines are appended to, from any thread. They are written soon, by another one. A file that was renamed
// meanwhile is begun anew under its name; one that was deleted is not.
typedef struct journal journal;

// `tell` hears of what goes wrong, from another thread. NULL: there is no such file, and it cannot be made.
journal *journal_open(const char *path, void (*tell)(const char *message));

// Waits until what was appended is written, if it can be.
void journal_close(journal *);
void journal_flush(journal *);

// If more waits than a disk can be expected to take soon, the line is lost, and that is told.
void journal_append(journal *, const char *line, size_t length);

#endif
