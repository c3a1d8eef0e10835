// The library as a whole, and what Envoy asks of every filter though this one has nothing to do there.

#include "envoy.h"

const char *envoy_dynamic_module_on_program_init(void) { return ENVOY_ABI_VERSION; }

// A listener's configuration tells nothing, and has to be something.
void *envoy_dynamic_module_on_http_filter_config_new(void *config, text name, text content) {
  (void)name, (void)content;
  return config;
}

enum filter_status envoy_dynamic_module_on_http_filter_request_body(void) { return CONTINUE; }
enum filter_status envoy_dynamic_module_on_http_filter_request_trailers(void) { return CONTINUE; }
enum filter_status envoy_dynamic_module_on_http_filter_response_trailers(void) { return CONTINUE; }

void envoy_dynamic_module_on_http_filter_config_destroy(void) {}
void envoy_dynamic_module_on_http_filter_http_callout_done(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_headers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_data(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_trailers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_complete(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_reset(void) {}
void envoy_dynamic_module_on_http_filter_scheduled(void) {}
void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(void) {}
void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(void) {}
