#ifndef SKYSERVE_PROMPT_H
#define SKYSERVE_PROMPT_H

#include <stddef.h>

// Of a body, what is looked at. Before the prompt may stand the descriptions of tools.
enum { HEAD_BYTES = 131072 };

// Room for what is read beside the prompt: longer than any name of a field that matters.
enum { SPARE_BYTES = 80 };

// The beginning of a request's prompt: of a chat what its messages say, up to the end of the user's first, since later
// turns begin the same; of other requests `prompt` or `input`. It does not depend on blanks, on the order of keys, nor
// on how characters are escaped. It is no JSON parser: it reads no further than it must, since bodies may be long, and
// whatever is no JSON gives a prompt of no meaning, or none.
//
// Returns how many bytes there are, `most` at the most, 0 if there is none; `into` has room for SPARE_BYTES more.
size_t prompt_begin(const char *json, size_t length, char *into, size_t most);

#endif
