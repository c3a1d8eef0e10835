#ifndef SKYSERVE_FILTER_H
#define SKYSERVE_FILTER_H

#include "envoy.h"

// One of the HTTP filters that this library has: what it does at each turn of a request. Each turn gets the filter's
// own memory of the request, which begins as zeros; the first one also what the routes of the service tell, of which it
// remembers what the others need. NULL: it does nothing there.
typedef struct {
  const char *name;
  size_t memory; // bytes
  void *(*read)(text told); // what the routes tell; NULL: it is not understood
  void (*forget)(void *told);
  enum headers_status (*request_headers)(stream, void *memory, const void *told, bool last);
  enum body_status (*request_body)(stream, void *memory, bool last);
  void (*request_trailers)(stream, void *memory);
  void (*response_headers)(stream, void *memory);
  void (*response_body)(stream, void *memory);
  void (*complete)(void *memory); // just before the logger is told of the request, also when its client hung up
} filter;

extern const filter KEYS, PREFIX;

#endif
