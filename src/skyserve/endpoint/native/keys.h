#ifndef SKYSERVE_KEYS_H
#define SKYSERVE_KEYS_H

#include "envoy.h"

// Where a request's metadata tells what was found of its key: `id`, `refused`, `tokens`. Clients cannot write there.
#define METADATA TEXT("skyserve.key")

#endif
