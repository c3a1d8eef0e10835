#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20, KEPT_BYTES = 256 << 10, PAUSE_MS = 200 };

typedef struct {
  char *data;
  size_t length;
  size_t room;
} buffer;

struct journal {
  journal *next;
  char *path;
  void (*tell)(const char *);
  unsigned holders;        // of these and `next` ALL_LOCK
  pthread_mutex_t writes;  // held by who writes; before `lock`
  int file;
  buffer writing;
  size_t written;          // of `writing`
  bool failed;             // the last time; it was told
  pthread_mutex_t lock;    // of what follows
  buffer waiting;
  uint64_t lost;
};

static pthread_mutex_t ALL_LOCK = PTHREAD_MUTEX_INITIALIZER;
static journal *ALL;
static bool WRITER;

static int open_file(const char *path) { return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600); }

static void give_back(buffer *of) {
  if (of->room > KEPT_BYTES) {
    free(of->data);
    *of = (buffer){NULL, 0, 0};
  }
  of->length = 0;
}

// What waits is to be written now. Returns whether there is anything.
static bool take_waiting(journal *j) {
  give_back(&j->writing);
  j->written = 0;
  pthread_mutex_lock(&j->lock);
  buffer taken = j->waiting;
  j->waiting = j->writing;
  pthread_mutex_unlock(&j->lock);
  j->writing = taken;
  return taken.length != 0;
}

// Whoever rotates logs has given the file another name.
static void follow_name(journal *j) {
  struct stat ours, named;
  if (fstat(j->file, &ours) != 0 || ours.st_nlink == 0)
    return;
  if (stat(j->path, &named) == 0 && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
    return;
  int file = open_file(j->path);
  if (file >= 0) {
    close(j->file);
    j->file = file;
  }
}

static void tell_failure(journal *j) {
  char message[512];
  snprintf(message, sizeof message, "%s cannot be written: %s. It is tried again.", j->path, strerror(errno));
  j->tell(message);
}

static void tell_lost(journal *j) {
  char message[512];
  pthread_mutex_lock(&j->lock);
  uint64_t lost = j->lost;
  j->lost = 0;
  pthread_mutex_unlock(&j->lock);
  if (lost == 0)
    return;
  snprintf(message, sizeof message, "%s lacks %" PRIu64 " lines, which it could not take.", j->path, lost);
  j->tell(message);
}

void journal_flush(journal *j) {
  pthread_mutex_lock(&j->writes);
  while (j->written < j->writing.length || take_waiting(j)) {
    if (j->written == 0)
      follow_name(j);
    ssize_t done = write(j->file, j->writing.data + j->written, j->writing.length - j->written);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0) {
      if (!j->failed)
        tell_failure(j);
      j->failed = true;
      break;
    }
    j->written += (size_t)done;
    j->failed = false;
  }
  if (!j->failed)
    tell_lost(j);
  pthread_mutex_unlock(&j->writes);
}

void journal_append(journal *j, const char *line, size_t length) {
  pthread_mutex_lock(&j->lock);
  buffer *to = &j->waiting;
  size_t needed = to->length + length;
  if (needed > to->room && needed <= MOST_BYTES) {
    size_t room = 2 * needed < MOST_BYTES ? 2 * needed : MOST_BYTES;
    char *data = realloc(to->data, room);
    if (data != NULL)
      to->data = data, to->room = room;
  }
  if (needed <= to->room) {
    memcpy(to->data + to->length, line, length);
    to->length = needed;
  } else {
    j->lost++;
  }
  pthread_mutex_unlock(&j->lock);
}

// Of ALL, by who holds ALL_LOCK.
static void let_go(journal *j) {
  if (--j->holders != 0)
    return;
  journal **at = &ALL;
  while (*at != j)
    at = &(*at)->next;
  *at = j->next;
  close(j->file);
  free(j->writing.data);
  free(j->waiting.data);
  free(j->path);
  free(j);
}

// The one after it, or the first one, held; it is let go of.
static journal *next_of(journal *j) {
  pthread_mutex_lock(&ALL_LOCK);
  journal *next = j == NULL ? ALL : j->next;
  if (next != NULL)
    next->holders++;
  if (j != NULL)
    let_go(j);
  pthread_mutex_unlock(&ALL_LOCK);
  return next;
}

static void *write_all(void *nothing) {
  const struct timespec pause = {0, PAUSE_MS * 1000000L};
  for (;;) {
    nanosleep(&pause, NULL);
    for (journal *j = next_of(NULL); j != NULL; j = next_of(j))
      journal_flush(j);
  }
  return nothing;
}

// Signals are the affair of Envoy's own threads.
static bool start_writer(void) {
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, NULL, write_all, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started && pthread_detach(thread) == 0;
}

static journal *made(const char *path, void (*tell)(const char *)) {
  journal *j = calloc(1, sizeof *j);
  char *copy = strdup(path);
  int file = open_file(path);
  if (j == NULL || copy == NULL || file < 0) {
    if (file >= 0)
      close(file);
    free(copy);
    free(j);
    return NULL;
  }
  *j = (journal){.next = ALL, .path = copy, .tell = tell, .file = file};
  pthread_mutex_init(&j->writes, NULL);
  pthread_mutex_init(&j->lock, NULL);
  return ALL = j;
}

journal *journal_open(const char *path, void (*tell)(const char *)) {
  pthread_mutex_lock(&ALL_LOCK);
  journal *j = ALL;
  while (j != NULL && strcmp(j->path, path) != 0)
    j = j->next;
  if (j == NULL)
    j = made(path, tell);
  if (j != NULL)
    j->holders++;
  WRITER = WRITER || start_writer();
  pthread_mutex_unlock(&ALL_LOCK);
  return j;
}

void journal_close(journal *j) {
  journal_flush(j);
  pthread_mutex_lock(&ALL_LOCK);
  let_go(j);
  pthread_mutex_unlock(&ALL_LOCK);
}
