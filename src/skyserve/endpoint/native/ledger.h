#ifndef SKYSERVE_LEDGER_H
#define SKYSERVE_LEDGER_H

#include "tally.h"

// The file in which a service's totals stand. They outlive whoever counts: each adds what it has counted, one at a
// time, and nobody who counts waits for a disk.
typedef struct ledger ledger;

// `tell` hears of what goes wrong. The file is made when there is something to add, if there is none.
ledger *ledger_open(const char *path, void (*tell)(const char *message));
void ledger_close(ledger *);

// What the tally holds goes into the file, and is counted no more in the tally; what could not be written stays. A file
// with other bounds or of another format is begun anew; one that was deleted since is left so.
void ledger_add(ledger *, tally *);

#endif
