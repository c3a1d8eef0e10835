// What this library uses of Envoy's interface for dynamic modules, version v0.2.0 (Envoy 1.40). The names and shapes
// are Envoy's own: source/extensions/dynamic_modules/abi/abi.h. Envoy resolves the functions when it loads the
// library.
#ifndef SKYSERVE_ENVOY_H
#define SKYSERVE_ENVOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ENVOY_ABI_VERSION "v0.2.0"

// Bytes that somebody else keeps alive.
typedef struct {
  const char *data;
  size_t length;
} text;

#define TEXT(literal) ((text){literal, sizeof literal - 1})

typedef struct {
  text name;
  text value;
} header;

enum header_map { REQUEST_HEADERS = 0, RESPONSE_HEADERS = 2 };
// RECEIVED: what has come just now; BUFFERED: what came before and was held back.
enum body { RECEIVED_REQUEST_BODY = 0, BUFFERED_REQUEST_BODY = 1, RECEIVED_RESPONSE_BODY = 2 };
// STOP: headers wait, for the body to be looked at or since an answer was given; HOLD_BACK: so does the body.
enum headers_status { HEADERS_CONTINUE = 0, HEADERS_STOP = 1 };
enum body_status { BODY_CONTINUE = 0, BODY_HOLD_BACK = 1 };

// One request, as Envoy knows it.
typedef void *stream;

const void *envoy_dynamic_module_callback_get_most_specific_route_config(stream);
bool envoy_dynamic_module_callback_http_get_header(stream, enum header_map, text name, text *value, size_t index,
                                                   size_t *count);
size_t envoy_dynamic_module_callback_http_get_headers_size(stream, enum header_map);
// All of them. Names are in lower case. They are as good as gone when one is set.
bool envoy_dynamic_module_callback_http_get_headers(stream, enum header_map, header *);
bool envoy_dynamic_module_callback_http_set_header(stream, enum header_map, text name, text value);
bool envoy_dynamic_module_callback_http_set_dynamic_metadata_string_batch(stream, text space, const header *entries,
                                                                          size_t count);
void envoy_dynamic_module_callback_http_send_response(stream, uint32_t status, header *headers, size_t count,
                                                      text body, text details);
size_t envoy_dynamic_module_callback_http_get_body_chunks_size(stream, enum body);
size_t envoy_dynamic_module_callback_http_get_body_size(stream, enum body);
bool envoy_dynamic_module_callback_http_get_body_chunks(stream, enum body, text *chunks);
// Whether what was received is all of the body that there is, since a filter before this one held it back.
bool envoy_dynamic_module_callback_http_received_buffered_request_body(stream);
// The name is that of a kind of state that Envoy knows.
bool envoy_dynamic_module_callback_http_set_filter_state_typed(stream, text name, text value);

// What has happened at a request that has ended. Times are in nanoseconds, since its beginning but for the first; -1:
// it did not come to that.
typedef struct {
  int64_t start_unix;
  int64_t request_complete;
  int64_t first_upstream_tx_byte_sent;
  int64_t last_upstream_tx_byte_sent;
  int64_t first_upstream_rx_byte_received;
  int64_t last_upstream_rx_byte_received;
  int64_t first_downstream_tx_byte_sent;
  int64_t last_downstream_tx_byte_sent;
} timing;

// Of bodies, to and from the client; then with all that goes around them, of the replica.
typedef struct {
  uint64_t received;
  uint64_t sent;
  uint64_t wire_received;
  uint64_t wire_sent;
} bytes;

void envoy_dynamic_module_callback_access_logger_get_timing_info(stream, timing *);
void envoy_dynamic_module_callback_access_logger_get_bytes_info(stream, bytes *);
uint32_t envoy_dynamic_module_callback_access_logger_get_response_code(stream);
bool envoy_dynamic_module_callback_access_logger_get_response_code_details(stream, text *);
// One bit each, in the order of Envoy's CoreResponseFlag.
uint64_t envoy_dynamic_module_callback_access_logger_get_response_flags(stream);
uint32_t envoy_dynamic_module_callback_access_logger_get_attempt_count(stream);
bool envoy_dynamic_module_callback_access_logger_get_protocol(stream, text *);
bool envoy_dynamic_module_callback_access_logger_get_header_value(stream, enum header_map, text name, text *value,
                                                                  size_t index, size_t *count);
bool envoy_dynamic_module_callback_access_logger_get_downstream_remote_address(stream, text *address, uint32_t *port);
bool envoy_dynamic_module_callback_access_logger_get_upstream_remote_address(stream, text *address, uint32_t *port);
// Its name, as the endpoint has it.
bool envoy_dynamic_module_callback_access_logger_get_upstream_host(stream, text *name);

enum log_level { LOG_WARNING = 3 };
void envoy_dynamic_module_callback_log(enum log_level, text message);

static inline text text_of(const char *string) { return (text){string, strlen(string)}; }

static inline bool is_text(text one, text other) {
  return one.length == other.length && memcmp(one.data, other.data, one.length) == 0;
}

// How many headers of that name there are, and what it holds if it is one.
static inline size_t get_header(stream s, enum header_map map, text name, text *value) {
  size_t count = 0;
  if (!envoy_dynamic_module_callback_http_get_header(s, map, name, value, 0, &count) || count != 1)
    *value = (text){NULL, 0};
  return count;
}

#endif
