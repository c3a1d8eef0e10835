// The library as Envoy sees it: finds the filter that is meant, and hands each turn of a request on to it.

#include <stdlib.h>
#include <string.h>

#include "filter.h"

static const filter *const ALL[] = {&KEYS, &PREFIX};

// What the routes tell one filter.
typedef struct {
  const filter *of;
  void *told;
} route;

// One filter at one request.
typedef struct {
  const filter *of;
  _Alignas(max_align_t) unsigned char memory[];
} visit;

static const filter *named(text name) {
  for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++)
    if (strlen(ALL[i]->name) == name.length && memcmp(ALL[i]->name, name.data, name.length) == 0)
      return ALL[i];
  return NULL;
}

// NULL: nothing, so that the filter has nothing to do. What is meant for another filter would be read as what it is
// not.
static const void *told(stream s, const visit *v) {
  const route *of = envoy_dynamic_module_callback_get_most_specific_route_config(s);
  if (of == NULL)
    return NULL;
  if (of->of != v->of)
    abort();
  return of->told;
}

const char *envoy_dynamic_module_on_program_init(void) { return ENVOY_ABI_VERSION; }

// A listener tells the name alone.
const filter *envoy_dynamic_module_on_http_filter_config_new(void *config, text name, text content) {
  (void)config, (void)content;
  return named(name);
}

void envoy_dynamic_module_on_http_filter_config_destroy(const filter *of) { (void)of; }

route *envoy_dynamic_module_on_http_filter_per_route_config_new(text name, text content) {
  const filter *of = named(name);
  route *made = malloc(sizeof *made);
  void *read = of == NULL || made == NULL ? NULL : of->read(content);
  if (read == NULL) {
    free(made);
    return NULL;
  }
  *made = (route){of, read};
  return made;
}

void envoy_dynamic_module_on_http_filter_per_route_config_destroy(route *of) {
  of->of->forget(of->told);
  free(of);
}

visit *envoy_dynamic_module_on_http_filter_new(const filter *of, stream s) {
  (void)s;
  visit *made = calloc(1, sizeof *made + of->memory);
  if (made == NULL) // as Envoy does where there is no memory; without its filter a request would pass without a key
    abort();
  made->of = of;
  return made;
}

void envoy_dynamic_module_on_http_filter_destroy(visit *v) { free(v); }

enum headers_status envoy_dynamic_module_on_http_filter_request_headers(stream s, visit *v, bool last) {
  const void *rules = told(s, v);
  return rules == NULL ? HEADERS_CONTINUE : v->of->request_headers(s, v->memory, rules, last);
}

enum body_status envoy_dynamic_module_on_http_filter_request_body(stream s, visit *v, bool last) {
  return v->of->request_body == NULL ? BODY_CONTINUE : v->of->request_body(s, v->memory, last);
}

int envoy_dynamic_module_on_http_filter_request_trailers(stream s, visit *v) {
  if (v->of->request_trailers != NULL)
    v->of->request_trailers(s, v->memory);
  return 0;
}

enum headers_status envoy_dynamic_module_on_http_filter_response_headers(stream s, visit *v, bool last) {
  (void)last;
  if (v->of->response_headers != NULL)
    v->of->response_headers(s, v->memory);
  return HEADERS_CONTINUE;
}

enum body_status envoy_dynamic_module_on_http_filter_response_body(stream s, visit *v, bool last) {
  (void)last;
  if (v->of->response_body != NULL)
    v->of->response_body(s, v->memory);
  return BODY_CONTINUE;
}

void envoy_dynamic_module_on_http_filter_stream_complete(stream s, visit *v) {
  (void)s;
  if (v->of->complete != NULL)
    v->of->complete(v->memory);
}

// What Envoy asks of every filter, though none of these has anything to do there.

int envoy_dynamic_module_on_http_filter_response_trailers(void) { return 0; }

void envoy_dynamic_module_on_http_filter_http_callout_done(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_headers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_data(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_trailers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_complete(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_reset(void) {}
void envoy_dynamic_module_on_http_filter_scheduled(void) {}
void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(void) {}
void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(void) {}
