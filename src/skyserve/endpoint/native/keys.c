// An HTTP filter of Envoy: lets a request pass whose API key is among those that are known by their hashes, unless the
// key has used up what it may; and counts the tokens of its answer.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "digits.h"
#include "filter.h"
#include "headers.h"
#include "keys.h"
#include "rules.h"
#include "tokens.h"

// "sk-" and 32 bytes in base64. Whatever is longer or shorter is no key, and costs nobody a hash.
enum { KEY_LENGTH = 46 };
_Static_assert(KEY_LENGTH <= (int)SHORT_BYTES, "a key fills one block");

// Where the metadata of a request that is refused tells why. Clients cannot write there.
#define METADATA TEXT("skyserve.key")

// What is looked at of a request's headers.
enum { AUTHORIZATION, API_KEY, PRIORITY, ACCEPT_ENCODING, HEADERS };

// What is known of one request. It outlives the rules by which it was let in.
typedef struct {
  uint64_t key;      // 0: none was found
  bool refused;      // though there is a key
  uint32_t a_minute; // requests that the key may send; 0: as many as it likes
  taking requests;   // where they are limited
  bool counts;       // tokens
  bool reads;        // the answer can tell them
  tokens tokens;
} request;

static _Thread_local use ended;

use keys_take_use(void) {
  use taken = ended;
  ended = (use){0};
  return taken;
}

static int64_t now(clockid_t clock, int64_t each) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (time.tv_sec * INT64_C(1000000000) + time.tv_nsec) / each;
}

static void remove_header(stream s, const wanted *of) {
  if (of->count != 0)
    envoy_dynamic_module_callback_http_set_header(s, REQUEST_HEADERS, of->name, (text){NULL, 0});
}

// Answers instead of a replica. `kind` is told to clients, who may decide by it
// (skyserve.endpoint.translate.local_reply).
static void refuse(stream s, uint32_t status, const char *kind, const char *message, header *headers, size_t count) {
  header refused = {TEXT("refused"), text_of(kind)};
  envoy_dynamic_module_callback_http_set_dynamic_metadata_string_batch(s, METADATA, &refused, 1);
  envoy_dynamic_module_callback_http_send_response(s, status, headers, count, text_of(message), text_of(kind));
}

static void refuse_stranger(stream s, const char *kind, const char *message) {
  header authenticate = {TEXT("www-authenticate"), TEXT("Bearer")};
  refuse(s, 401, kind, message, &authenticate, 1);
}

static void refuse_spent(stream s, int64_t milliseconds) {
  char wait[24], message[96];
  snprintf(wait, sizeof wait, "%" PRId64, (milliseconds + 999) / 1000);
  snprintf(message, sizeof message, "The API key's budget of tokens is spent. It is full again in %s s.", wait);
  header after = {TEXT("retry-after"), text_of(wait)};
  refuse(s, 429, "token_budget_exceeded", message, &after, 1);
}

// The names are those of draft-ietf-httpapi-ratelimit-headers-03.
enum { LIMIT, LEFT, FULL, WAIT, LIMITS };
typedef struct {
  char room[LIMITS][DIGITS];
  header headers[LIMITS];
} limits;

static void tell(limits *of, uint32_t a_minute, taking requests) {
  of->headers[LIMIT] = (header){TEXT("x-ratelimit-limit"), digits(of->room[LIMIT], a_minute)};
  of->headers[LEFT] = (header){TEXT("x-ratelimit-remaining"), digits(of->room[LEFT], requests.left)};
  of->headers[FULL] = (header){TEXT("x-ratelimit-reset"), digits(of->room[FULL], requests.full)};
  of->headers[WAIT] = (header){TEXT("retry-after"), digits(of->room[WAIT], requests.wait)};
}

static void refuse_busy(stream s, uint32_t a_minute, taking requests) {
  limits of;
  char message[128];
  tell(&of, a_minute, requests);
  snprintf(message, sizeof message,
           "The API key may send %" PRIu32 " requests a minute. It has one again in %" PRIu32 " s.", a_minute,
           requests.wait);
  refuse(s, 429, "rate_limit_exceeded", message, of.headers, LIMITS);
}

// The rule of the key that a header holds, if it holds one.
static const rule *find(const rules *known, text value) {
  uint8_t digest[DIGEST_BYTES];
  if (value.length != KEY_LENGTH)
    return NULL;
  sha256_short(value.data, value.length, digest);
  return rules_find(known, digest);
}

static text bearer(text value) {
  static const char scheme[] = "Bearer ";
  size_t length = sizeof scheme - 1;
  if (value.length <= length || strncasecmp(value.data, scheme, length) != 0)
    return (text){NULL, 0};
  return (text){value.data + length, value.length - length};
}

// A key is not passed on: what a replica does not know it cannot log. Either header may hold something else, which is
// the replica's affair. `given`: something was sent that could be a key.
static const rule *take_key(stream s, const wanted *headers, const rules *known, bool *given) {
  const wanted *one = &headers[AUTHORIZATION], *other = &headers[API_KEY];
  text authorization = bearer(only(one));
  *given = one->count > 1 || authorization.length != 0 || other->count != 0;
  const rule *first = find(known, authorization), *second = find(known, only(other));
  if (first != NULL || one->count > 1)
    remove_header(s, one);
  if (second != NULL || other->count > 1)
    remove_header(s, other);
  return first != NULL ? first : second;
}

// Whether the key may be used at this time.
static bool in_time(stream s, const rule *key) {
  if (key->expires == 0 && key->spent == 0)
    return true;
  int64_t date = now(CLOCK_REALTIME, 1000000);
  if (key->expires != 0 && date >= key->expires) {
    refuse_stranger(s, "expired_api_key", "The API key has expired.");
    return false;
  }
  if (date < key->spent) {
    refuse_spent(s, key->spent - date);
    return false;
  }
  return true;
}

// Whether the key has a request left.
static bool in_measure(stream s, request *r, const rule *key) {
  if (key->requests == NULL)
    return true;
  r->a_minute = bucket_rate(key->requests);
  r->requests = bucket_take(key->requests, now(CLOCK_MONOTONIC, 1));
  if (!r->requests.taken)
    refuse_busy(s, r->a_minute, r->requests);
  return r->requests.taken;
}

static const char WRONG[] = "The API key is not one of this service's: it is wrong, or was revoked.";
static const char NEEDED[] =
    "An API key is needed. Send it as header 'Authorization: Bearer KEY', or 'x-api-key: KEY'.";

// The key of a request that may go on; NULL: it was refused.
static const rule *admit(stream s, request *r, const wanted *headers, const rules *known) {
  bool given;
  const rule *key = take_key(s, headers, known, &given);
  if (key == NULL) {
    refuse_stranger(s, "invalid_api_key", given ? WRONG : NEEDED);
    return NULL;
  }
  r->key = key->id;
  r->refused = true; // before it is: the answer may be its end
  if (!in_time(s, key) || !in_measure(s, r, key))
    return NULL;
  r->refused = false;
  return key;
}

static enum headers_status request_headers(stream s, void *memory, const void *told, bool last) {
  (void)last;
  request *r = memory;
  const rules *known = told;
  wanted headers[HEADERS] = {
      [AUTHORIZATION] = {.name = TEXT("authorization")},
      [API_KEY] = {.name = TEXT("x-api-key")},
      // By which requests that wait are put in order (skyserve.endpoint.translate.gate).
      [PRIORITY] = {.name = TEXT("x-skyserve-priority")},
      [ACCEPT_ENCODING] = {.name = TEXT("accept-encoding")},
  };
  headers_find(s, headers, HEADERS);
  const rule *key = admit(s, r, headers, known);
  if (key == NULL)
    return HEADERS_STOP;
  if (key->priority[0] != '\0')
    envoy_dynamic_module_callback_http_set_header(s, REQUEST_HEADERS, headers[PRIORITY].name, text_of(key->priority));
  else
    remove_header(s, &headers[PRIORITY]);
  r->counts = known->counts;
  if (r->counts) // The tokens of an answer that is compressed could not be read.
    remove_header(s, &headers[ACCEPT_ENCODING]);
  return HEADERS_CONTINUE;
}

static void response_headers(stream s, void *memory) {
  request *r = memory;
  if (r->requests.taken) {
    limits of;
    tell(&of, r->a_minute, r->requests);
    for (int i = 0; i < WAIT; i++)
      envoy_dynamic_module_callback_http_set_header(s, RESPONSE_HEADERS, of.headers[i].name, of.headers[i].value);
  }
  text kind;
  if (r->counts && get_header(s, RESPONSE_HEADERS, TEXT("content-type"), &kind) == 1) {
    bool events = memmem(kind.data, kind.length, "text/event-stream", 17) != NULL;
    r->reads = events || memmem(kind.data, kind.length, "json", 4) != NULL;
    r->tokens = tokens_of(events);
  }
}

static void response_body(stream s, void *memory) {
  request *r = memory;
  size_t count = r->reads ? envoy_dynamic_module_callback_http_get_body_chunks_size(s, RECEIVED_RESPONSE_BODY) : 0;
  if (count == 0)
    return;
  text few[16], *chunks = count <= 16 ? few : calloc(count, sizeof *chunks);
  if (chunks != NULL && envoy_dynamic_module_callback_http_get_body_chunks(s, RECEIVED_RESPONSE_BODY, chunks))
    for (size_t i = 0; i < count; i++)
      tokens_read(&r->tokens, chunks[i].data, chunks[i].length);
  if (chunks != few)
    free(chunks);
}

static void complete(void *memory) {
  const request *r = memory;
  ended = (use){r->key, r->refused, r->reads ? tokens_so_far(&r->tokens) : 0};
}

static void *read(text told) { return rules_read(told.data, told.length); }

static void forget(void *told) { rules_free(told); }

const filter KEYS = {
    .name = "keys",
    .memory = sizeof(request),
    .read = read,
    .forget = forget,
    .request_headers = request_headers,
    .response_headers = response_headers,
    .response_body = response_body,
    .complete = complete,
};
