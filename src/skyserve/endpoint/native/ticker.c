#include "ticker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { PAUSE_MS = 200 };

struct ticker {
  ticker *next;
  void (*turn)(void *);
  void *of;
};

// Held while turns are taken, so that none is under way once its ticker is stopped.
static pthread_mutex_t LOCK = PTHREAD_MUTEX_INITIALIZER;
static ticker *ALL;
static bool RUNS;

static void *run(void *nothing) {
  const struct timespec pause = {0, PAUSE_MS * 1000000L};
  for (;;) {
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&LOCK);
    for (ticker *t = ALL; t != NULL; t = t->next)
      t->turn(t->of);
    pthread_mutex_unlock(&LOCK);
  }
  return nothing;
}

// Signals are the affair of Envoy's own threads.
static bool begin(void) {
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool begun = pthread_create(&thread, NULL, run, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return begun && pthread_detach(thread) == 0;
}

ticker *ticker_start(void (*turn)(void *), void *of) {
  ticker *made = malloc(sizeof *made);
  if (made == NULL)
    abort();
  pthread_mutex_lock(&LOCK);
  *made = (ticker){ALL, turn, of};
  ALL = made;
  RUNS = RUNS || begin();
  pthread_mutex_unlock(&LOCK);
  return made;
}

void ticker_stop(ticker *t) {
  pthread_mutex_lock(&LOCK);
  ticker **at = &ALL;
  while (*at != t)
    at = &(*at)->next;
  *at = t->next;
  pthread_mutex_unlock(&LOCK);
  free(t);
}
