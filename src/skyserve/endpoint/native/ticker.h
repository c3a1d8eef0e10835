#ifndef SKYSERVE_TICKER_H
#define SKYSERVE_TICKER_H

// What is to be done again and again, by a thread of its own: writing to disks, so that no request waits for one.
typedef struct ticker ticker;

// From now on `turn` is called with `of` several times a second.
ticker *ticker_start(void (*turn)(void *of), void *of);

// Not after this any more.
void ticker_stop(ticker *);

#endif
