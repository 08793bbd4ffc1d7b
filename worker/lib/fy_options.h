/* SPDX-License-Identifier: MIT */
/* fy_options.h - options from inside: they are a configuration. */
#pragma once

#include "lib/forkyard.h"
#include "wire/config.h"

struct fy_options {
    struct config config;
};

/* Copies. */
struct fy_options *fy_options_from(const struct config *config);
