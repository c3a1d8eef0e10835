#include "headers.h"

#include <stdlib.h>

static void note(const header *one, wanted *all, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (is_text(one->name, all[i].name)) {
      all[i].count++;
      all[i].value = one->value;
    }
}

void headers_find(stream s, wanted *all, size_t count) {
  header few[64], *sent = few;
  size_t length = envoy_dynamic_module_callback_http_get_headers_size(s, REQUEST_HEADERS);
  if (length > sizeof few / sizeof *few && (sent = calloc(length, sizeof *sent)) == NULL)
    abort();
  if (envoy_dynamic_module_callback_http_get_headers(s, REQUEST_HEADERS, sent))
    for (size_t i = 0; i < length; i++)
      note(&sent[i], all, count);
  if (sent != few)
    free(sent);
}
