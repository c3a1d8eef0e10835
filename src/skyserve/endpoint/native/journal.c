#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ticker.h"

// What waits, and as much again that is being written.
enum { MOST_BYTES = 16 << 20, KEPT_BYTES = 256 << 10 };

typedef struct {
  char *data;
  size_t length;
  size_t room;
} buffer;

struct journal {
  char *path;
  void (*tell)(const char *);
  ticker *writer;
  pthread_mutex_t writes; // held by who writes; before `lock`
  int file;
  buffer writing;
  size_t written;       // of `writing`
  bool failed;          // the last time; it was told
  pthread_mutex_t lock; // of what follows
  buffer waiting;
  uint64_t lost;
};

// `create`: O_CREAT, or nothing.
static int open_file(const char *path, int create) {
  return open(path, O_WRONLY | O_APPEND | O_CLOEXEC | create, 0600);
}

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

// Whoever rotates logs has given the file another name. If it has none any more, it was deleted, or rotated away while
// nothing was written; then there is another one by its name, which somebody else has made.
static void follow_name(journal *j) {
  struct stat ours, named;
  if (fstat(j->file, &ours) != 0)
    return;
  if (stat(j->path, &named) == 0 && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
    return;
  int file = open_file(j->path, ours.st_nlink == 0 ? 0 : O_CREAT);
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

static void flush(void *of) { journal_flush(of); }

journal *journal_open(const char *path, void (*tell)(const char *)) {
  journal *j = calloc(1, sizeof *j);
  char *copy = strdup(path);
  int file = open_file(path, O_CREAT);
  if (j == NULL || copy == NULL || file < 0) {
    if (file >= 0)
      close(file);
    free(copy);
    free(j);
    return NULL;
  }
  *j = (journal){.path = copy, .tell = tell, .file = file};
  pthread_mutex_init(&j->writes, NULL);
  pthread_mutex_init(&j->lock, NULL);
  j->writer = ticker_start(flush, j);
  return j;
}

void journal_close(journal *j) {
  ticker_stop(j->writer);
  journal_flush(j);
  close(j->file);
  free(j->writing.data);
  free(j->waiting.data);
  free(j->path);
  free(j);
}
