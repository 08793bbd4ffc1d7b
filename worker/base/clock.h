/* SPDX-License-Identifier: MIT */
/* clock.h - the two clocks: monotonic for spans, UNIX for time stamps. */
#pragma once

#include <stdint.h>

uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);
uint64_t clock_unix_ns(void);

/* Tests only: from here on both clocks stand still at these values; 0, 0
 * gives the real clocks back. */
void clock_fake(uint64_t mono_us, uint64_t unix_ns);
