/* SPDX-License-Identifier: MIT */
/* box_data.h - the bytes of the program that boxes begin in. */
#pragma once

#include <stdint.h>

extern const unsigned char box_data[];
extern const uint64_t box_data_size; /* 0: none in this build */
