#include "headers.h"

#include <stdlib.h>

void headers_show(stream s, void (*each)(void *of, const header *), void *of) {
  header few[64], *all = few;
  size_t count = envoy_dynamic_module_callback_http_get_headers_size(s, REQUEST_HEADERS);
  if (count > sizeof few / sizeof *few && (all = calloc(count, sizeof *all)) == NULL)
    abort();
  if (envoy_dynamic_module_callback_http_get_headers(s, REQUEST_HEADERS, all))
    for (size_t i = 0; i < count; i++)
      each(of, &all[i]);
  if (all != few)
    free(all);
}
