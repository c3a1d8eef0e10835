#ifndef SKYSERVE_DIGITS_H
#define SKYSERVE_DIGITS_H

#include "envoy.h"

enum { DIGITS = sizeof "18446744073709551615" - 1 };

// The number, written at the end of `room`.
static inline text digits(char room[DIGITS], uint64_t number) {
  char *at = room + DIGITS;
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  return (text){at, (size_t)(room + DIGITS - at)};
}

#endif
