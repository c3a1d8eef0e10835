// An HTTP filter of Envoy: finds the beginning of a request's prompt, by which prefix_affinity chooses a replica.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter.h"
#include "headers.h"
#include "prompt.h"

// Longer beginnings than anybody asks for (skyserve.spec.load_balancer).
enum { MOST_PREFIX_BYTES = 65536, MOST_CHUNKS = 64 };

// A kind of state by which Envoy hashes requests: no client can set it, and no replica is told.
#define STATE TEXT("envoy.hashable_string")

typedef struct {
  size_t most; // bytes of the beginning
} settings;

typedef struct {
  size_t most; // bytes of the beginning; 0: the body is not awaited, or not any more
} request;

static bool is_json(stream s) {
  static const char json[] = "application/json";
  enum { METHOD, TYPE, ENCODING, HEADERS };
  wanted headers[HEADERS] = {
      [METHOD] = {.name = TEXT(":method")},
      [TYPE] = {.name = TEXT("content-type")},
      [ENCODING] = {.name = TEXT("content-encoding")},
  };
  headers_find(s, headers, HEADERS);
  text type = only(&headers[TYPE]);
  return is_text(only(&headers[METHOD]), TEXT("POST")) && type.length >= sizeof json - 1 &&
         strncasecmp(type.data, json, sizeof json - 1) == 0 && headers[ENCODING].count == 0;
}

static enum headers_status request_headers(stream s, void *memory, const void *told, bool last) {
  request *r = memory;
  if (last || !is_json(s))
    return HEADERS_CONTINUE;
  r->most = ((const settings *)told)->most;
  return HEADERS_STOP;
}

// Copies what there is of one part of the body, as far as it is looked at. Returns where it ends.
static size_t gather(stream s, enum body part, char into[HEAD_BYTES], size_t length) {
  text chunks[MOST_CHUNKS], *all = chunks;
  size_t count = envoy_dynamic_module_callback_http_get_body_chunks_size(s, part);
  if (count > MOST_CHUNKS && (all = calloc(count, sizeof *all)) == NULL)
    return length;
  if (count != 0 && envoy_dynamic_module_callback_http_get_body_chunks(s, part, all))
    for (size_t i = 0; i < count && length < HEAD_BYTES; i++) {
      size_t taken = all[i].length < HEAD_BYTES - length ? all[i].length : HEAD_BYTES - length;
      memcpy(into + length, all[i].data, taken);
      length += taken;
    }
  if (all != chunks)
    free(all);
  return length;
}

// MurmurHash64A (Austin Appleby, 2008), eight bytes at a time. What a request in flight keeps is this and not the
// text.
uint64_t prefix_hash(const char *data, size_t length) {
  const uint64_t multiplier = UINT64_C(0xc6a4a7935bd1e995);
  uint64_t hash = length * multiplier;
  for (; length >= 8; data += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, data, 8);
    word *= multiplier;
    hash = (hash ^ (word ^ word >> 47) * multiplier) * multiplier;
  }
  if (length != 0) {
    uint64_t word = 0;
    memcpy(&word, data, length);
    hash = (hash ^ word) * multiplier;
  }
  hash = (hash ^ hash >> 47) * multiplier;
  return hash ^ hash >> 47;
}

static void remember(stream s, const char *body, size_t length, size_t most) {
  char *prompt = malloc(most + SPARE_BYTES);
  size_t found = prompt == NULL ? 0 : prompt_begin(body, length, prompt, most);
  if (found != 0) {
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, prefix_hash(prompt, found));
    envoy_dynamic_module_callback_http_set_filter_state_typed(s, STATE, text_of(hash));
  }
  free(prompt);
}

static bool holds_back(stream s) { return !envoy_dynamic_module_callback_http_received_buffered_request_body(s); }

// `received`: part of the body has come just now.
static void look(stream s, request *r, bool received) {
  size_t most = r->most;
  r->most = 0;
  char *head = malloc(HEAD_BYTES);
  if (head == NULL)
    return;
  size_t length = !received || holds_back(s) ? gather(s, BUFFERED_REQUEST_BODY, head, 0) : 0;
  if (received)
    length = gather(s, RECEIVED_REQUEST_BODY, head, length);
  remember(s, head, length, most);
  free(head);
}

// Held back until it is whole, or there is as much of it as is looked at.
static enum body_status request_body(stream s, void *memory, bool last) {
  request *r = memory;
  if (r->most == 0)
    return BODY_CONTINUE;
  size_t length = envoy_dynamic_module_callback_http_get_body_size(s, RECEIVED_REQUEST_BODY);
  if (holds_back(s))
    length += envoy_dynamic_module_callback_http_get_body_size(s, BUFFERED_REQUEST_BODY);
  if (!last && length < HEAD_BYTES)
    return BODY_HOLD_BACK;
  look(s, r, true);
  return BODY_CONTINUE;
}

static void request_trailers(stream s, void *memory) {
  request *r = memory;
  if (r->most != 0)
    look(s, r, false);
}

static void *read(text told) {
  char number[16] = {0};
  settings *made = malloc(sizeof *made);
  if (made == NULL)
    return NULL;
  memcpy(number, told.data, told.length < sizeof number ? told.length : sizeof number - 1);
  made->most = strtoul(number, NULL, 10);
  if (made->most > 0 && made->most <= MOST_PREFIX_BYTES)
    return made;
  free(made);
  return NULL;
}

const filter PREFIX = {
    .name = "prefix",
    .memory = sizeof(request),
    .read = read,
    .forget = free,
    .request_headers = request_headers,
    .request_body = request_body,
    .request_trailers = request_trailers,
};
