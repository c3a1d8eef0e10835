// What this library uses of Envoy's interface for dynamic modules, version v0.2.0 (Envoy 1.40). The names and shapes are
// Envoy's own: source/extensions/dynamic_modules/abi/abi.h. Envoy resolves the functions when it loads the library.
#ifndef SKYSERVE_ENVOY_H
#define SKYSERVE_ENVOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
enum body { RECEIVED_RESPONSE_BODY = 2 };
enum filter_status { CONTINUE = 0, STOP = 1 };

// One request, as Envoy knows it.
typedef void *stream;

const void *envoy_dynamic_module_callback_get_most_specific_route_config(stream);
bool envoy_dynamic_module_callback_http_get_header(stream, enum header_map, text name, text *value, size_t index,
                                                   size_t *count);
bool envoy_dynamic_module_callback_http_set_header(stream, enum header_map, text name, text value);
bool envoy_dynamic_module_callback_http_set_dynamic_metadata_string_batch(stream, text space, const header *entries,
                                                                          size_t count);
void envoy_dynamic_module_callback_http_send_response(stream, uint32_t status, header *headers, size_t count,
                                                      text body, text details);
size_t envoy_dynamic_module_callback_http_get_body_chunks_size(stream, enum body);
bool envoy_dynamic_module_callback_http_get_body_chunks(stream, enum body, text *chunks);

#endif
