#ifndef SKYSERVE_SHA256_H
#define SKYSERVE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, SHORT_BYTES = 55 };

// SHA-256 (FIPS 180-4) of a text that fills no more than one block: of up to SHORT_BYTES bytes, as every API key is.
void sha256_short(const char *data, size_t length, uint8_t digest[DIGEST_BYTES]);

#endif
