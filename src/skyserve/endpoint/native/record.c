// An access logger of Envoy: what has happened at a request that has ended becomes a line of the access log, and is
// counted.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digits.h"
#include "envoy.h"
#include "journal.h"
#include "keys.h"
#include "ledger.h"
#include "line.h"
#include "tally.h"
#include "ticker.h"

// What a listener tells: where to.
typedef struct {
  char *service;
  journal *log;
  tally *counts; // NULL: none
  ledger *totals;
  ticker *adding;
} record;

// One thread's part of it.
typedef struct {
  const record *of;
  line line;
  memory memory;
  int64_t second; // of `date`
  char date[sizeof "2026-01-01T00:00:00"];
} logger;

// One request, when it has ended.
typedef struct {
  stream of;
  timing times;
  uint32_t status;
  text details;
  use use;
  bool by_replica;
  uint32_t replica, version;
} ending;

static void warn(const char *message) { envoy_dynamic_module_callback_log(LOG_WARNING, text_of(message)); }

// The names by which Envoy's documentation calls them, by their bits.
static const char *const FLAGS[] = {
    "FailedLocalHealthCheck",
    "NoHealthyUpstream",
    "UpstreamRequestTimeout",
    "LocalReset",
    "UpstreamRemoteReset",
    "UpstreamConnectionFailure",
    "UpstreamConnectionTermination",
    "UpstreamOverflow",
    "NoRouteFound",
    "DelayInjected",
    "FaultInjected",
    "RateLimited",
    "UnauthorizedExternalService",
    "RateLimitServiceError",
    "DownstreamConnectionTermination",
    "UpstreamRetryLimitExceeded",
    "StreamIdleTimeout",
    "InvalidEnvoyRequestHeaders",
    "DownstreamProtocolError",
    "UpstreamMaxStreamDurationReached",
    "ResponseFromCacheFilter",
    "NoFilterConfigFound",
    "DurationTimeout",
    "UpstreamProtocolError",
    "NoClusterFound",
    "OverloadManagerTerminated",
    "DnsResolutionFailed",
    "DropOverload",
    "DownstreamRemoteReset",
    "UnconditionalDropOverload",
};
enum { FLAG_COUNT = sizeof FLAGS / sizeof *FLAGS, LONGEST_FLAG = 33 };

static text header_of(stream s, const char *name) {
  text value;
  if (!envoy_dynamic_module_callback_access_logger_get_header_value(s, REQUEST_HEADERS, text_of(name), &value, 0, NULL))
    value = (text){NULL, 0};
  return value;
}

// Digits, from `*at` on; moves it beyond them.
static uint64_t number_in(text value, size_t *at) {
  uint64_t number = 0;
  for (; *at < value.length && value.data[*at] >= '0' && value.data[*at] <= '9'; ++*at)
    number = 10 * number + (uint64_t)(value.data[*at] - '0');
  return number;
}

// Endpoints are named REPLICA-VERSION (skyserve.endpoint.translate.endpoints); the waiting room has no name.
static void read_replica(ending *e) {
  text name;
  size_t at = 0;
  if (!envoy_dynamic_module_callback_access_logger_get_upstream_host(e->of, &name) || name.length == 0)
    return;
  e->by_replica = true;
  e->replica = (uint32_t)number_in(name, &at);
  at++;
  e->version = (uint32_t)number_in(name, &at);
}

static ending ending_of(stream s) {
  ending e = {.of = s, .use = keys_take_use()};
  envoy_dynamic_module_callback_access_logger_get_timing_info(s, &e.times);
  e.status = envoy_dynamic_module_callback_access_logger_get_response_code(s);
  if (!envoy_dynamic_module_callback_access_logger_get_response_code_details(s, &e.details))
    e.details = (text){NULL, 0};
  read_replica(&e);
  return e;
}

static void count_times(tally *counts, series *to, const ending *e) {
  if (e->times.first_upstream_rx_byte_received >= 0) {
    uint64_t first = (uint64_t)e->times.first_upstream_rx_byte_received;
    tally_time(counts, &to->first_byte, first);
    tally_time(counts, &counts->head.first_byte, first);
  }
  if (e->times.request_complete >= 0)
    tally_time(counts, &to->duration, (uint64_t)e->times.request_complete);
}

static void count_key(tally *counts, memory *by, const ending *e, uint64_t second) {
  usage *of = tally_of_key(counts, by, e->use.id, second);
  tally_add(&of->requests, 1);
  // By the key's own limit, or by that of the whole service.
  if (e->use.refused || (e->status == 429 && is_text(e->details, TEXT("local_rate_limited"))))
    tally_add(&of->refused, 1);
  tally_add(&of->tokens, e->use.tokens);
}

// That an error came fast tells no good, whoever made it: replica, client, or the endpoint, which answers by itself
// with errors alone.
static void count(logger *l, const ending *e) {
  tally *counts = l->of->counts;
  uint64_t second = (uint64_t)((e->times.start_unix + e->times.request_complete) / 1000000000);
  series *to = tally_of_replica(counts, &l->memory, replica_name(e->replica, e->version), second);
  tally_answer(counts, to, e->status);
  if (e->status >= 200 && e->status < 400)
    count_times(counts, to, e);
  if (e->use.id != 0)
    count_key(counts, &l->memory, e, second);
}

static void put(line *to, const char *name, text value) { line_text(to, name, value.data, value.length); }

static void put_time(logger *l, int64_t nanoseconds) {
  char time[sizeof l->date + sizeof ".000Z"];
  int64_t second = nanoseconds / 1000000000, milliseconds = nanoseconds / 1000000 % 1000;
  if (second != l->second) {
    struct tm parts;
    time_t whole = (time_t)second;
    strftime(l->date, sizeof l->date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&whole, &parts));
    l->second = second;
  }
  memcpy(time, l->date, sizeof l->date - 1);
  char *rest = time + sizeof l->date - 1;
  rest[0] = '.';
  for (int digit = 3; digit > 0; digit--, milliseconds /= 10)
    rest[digit] = (char)('0' + milliseconds % 10);
  rest[4] = 'Z';
  line_text(&l->line, "time", time, sizeof l->date - 1 + 5);
}

static void put_client(line *to, stream s) {
  text address;
  uint32_t port;
  if (!envoy_dynamic_module_callback_access_logger_get_downstream_remote_address(s, &address, &port))
    address = (text){NULL, 0};
  put(to, "client", address);
}

// What was asked, less its query.
static void put_path(line *to, stream s) {
  text path = header_of(s, ":path");
  const char *query = path.data == NULL ? NULL : memchr(path.data, '?', path.length);
  if (query != NULL)
    path.length = (size_t)(query - path.data);
  put(to, "path", path);
}

static void put_protocol(line *to, stream s) {
  text protocol;
  if (!envoy_dynamic_module_callback_access_logger_get_protocol(s, &protocol))
    protocol = (text){NULL, 0};
  put(to, "protocol", protocol);
}

static void put_flags(line *to, stream s) {
  char names[FLAG_COUNT * (LONGEST_FLAG + 1)];
  size_t length = 0;
  uint64_t flags = envoy_dynamic_module_callback_access_logger_get_response_flags(s);
  for (size_t flag = 0; flags != 0 && flag < FLAG_COUNT; flag++, flags >>= 1)
    if (flags & 1)
      length += (size_t)sprintf(names + length, "%s%s", length == 0 ? "" : ",", FLAGS[flag]);
  line_text(to, "flags", length == 0 ? NULL : names, length);
}

// The key's id is a text there.
static void put_use(line *to, const use *of) {
  char room[DIGITS];
  put(to, "key", of->id == 0 ? (text){NULL, 0} : digits(room, of->id));
  if (of->tokens == 0)
    line_null(to, "tokens");
  else
    line_number(to, "tokens", of->tokens);
}

static void put_replica(line *to, const ending *e) {
  char address[64];
  text host = {NULL, 0};
  uint32_t port;
  if (!e->by_replica) {
    line_null(to, "replica"), line_null(to, "version"), line_null(to, "address");
    return;
  }
  line_number(to, "replica", e->replica);
  line_number(to, "version", e->version);
  if (envoy_dynamic_module_callback_access_logger_get_upstream_remote_address(e->of, &host, &port)) {
    const char *shape = memchr(host.data, ':', host.length) == NULL ? "%.*s:%u" : "[%.*s]:%u";
    int length = snprintf(address, sizeof address, shape, (int)host.length, host.data, (unsigned)port);
    host = (text){address, (size_t)length < sizeof address ? (size_t)length : sizeof address - 1};
  }
  put(to, "address", host);
}

static void put_milliseconds(line *to, const char *name, int64_t nanoseconds) {
  if (nanoseconds < 0)
    line_null(to, name);
  else
    line_number(to, name, (uint64_t)nanoseconds / 1000000);
}

// No header but the request's id, no query: those hold keys. The key is told by its id.
static void write_line(logger *l, const ending *e) {
  line *to = &l->line;
  stream s = e->of;
  bytes transferred;
  envoy_dynamic_module_callback_access_logger_get_bytes_info(s, &transferred);
  line_begin(to);
  put(to, "service", text_of(l->of->service));
  put_time(l, e->times.start_unix);
  put(to, "request_id", header_of(s, "x-request-id"));
  put_client(to, s);
  put(to, "method", header_of(s, ":method"));
  put_path(to, s);
  put_protocol(to, s);
  line_number(to, "status", e->status);
  put_flags(to, s);
  put(to, "details", e->details);
  put_use(to, &e->use);
  put_replica(to, e);
  line_number(to, "attempts", envoy_dynamic_module_callback_access_logger_get_attempt_count(s));
  put_milliseconds(to, "waited_ms", e->times.first_upstream_tx_byte_sent);
  put_milliseconds(to, "first_byte_ms", e->times.first_upstream_rx_byte_received);
  put_milliseconds(to, "duration_ms", e->times.request_complete);
  line_number(to, "received_bytes", transferred.received);
  line_number(to, "sent_bytes", transferred.sent);
  line_end(to);
  journal_append(l->of->log, to->data, to->length);
}

void envoy_dynamic_module_on_access_logger_log(stream s, logger *l, int kind) {
  (void)kind;
  ending e = ending_of(s);
  if (l->of->counts != NULL)
    count(l, &e);
  write_line(l, &e);
}

static void add(void *of) {
  record *r = of;
  ledger_add(r->totals, r->counts);
}

static void begin_counting(record *into, const char *path, const uint64_t *bounds) {
  into->counts = tally_new(bounds);
  into->totals = ledger_open(path, warn);
  into->adding = ticker_start(add, into);
}

static void end_counting(record *of) {
  ticker_stop(of->adding);
  add(of);
  ledger_close(of->totals);
  tally_free(of->counts);
}

static void forget(record *of) {
  if (of->counts != NULL)
    end_counting(of);
  if (of->log != NULL)
    journal_close(of->log);
  free(of->service);
  free(of);
}

// Of the line "NAME REST" what comes after its name; NULL: it has another.
static char *after(char *line, const char *name) {
  size_t length = strlen(name);
  return strncmp(line, name, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

static void read_bounds(char *rest, uint64_t bounds[BOUNDS]) {
  char *word;
  for (size_t at = 0; at < BOUNDS - 1 && (word = strsep(&rest, " ")) != NULL; at++)
    bounds[at] = strtoull(word, NULL, 10);
}

// Lines: "service NAME", "log PATH", and if requests are to be counted "tally PATH" and "bounds" in microseconds.
static bool read_all(record *into, char *text) {
  uint64_t bounds[BOUNDS] = {0};
  const char *path = NULL;
  for (char *line; (line = strsep(&text, "\n")) != NULL;) {
    char *rest;
    if ((rest = after(line, "service")) != NULL)
      into->service = strdup(rest);
    else if ((rest = after(line, "log")) != NULL)
      into->log = journal_open(rest, warn);
    else if ((rest = after(line, "tally")) != NULL)
      path = rest;
    else if ((rest = after(line, "bounds")) != NULL)
      read_bounds(rest, bounds);
  }
  if (path != NULL)
    begin_counting(into, path, bounds);
  return into->service != NULL && into->log != NULL;
}

record *envoy_dynamic_module_on_access_logger_config_new(void *config, text name, text told) {
  (void)config, (void)name;
  record *made = calloc(1, sizeof *made);
  char *copy = strndup(told.data, told.length);
  bool understood = made != NULL && copy != NULL && read_all(made, copy);
  free(copy);
  if (!understood && made != NULL)
    forget(made), made = NULL;
  return made;
}

void envoy_dynamic_module_on_access_logger_config_destroy(record *of) { forget(of); }

logger *envoy_dynamic_module_on_access_logger_new(const record *of, void *thread) {
  (void)thread;
  logger *made = calloc(1, sizeof *made);
  if (made == NULL)
    abort();
  made->of = of;
  return made;
}

void envoy_dynamic_module_on_access_logger_destroy(logger *l) {
  free(l->line.data);
  free(l);
}
