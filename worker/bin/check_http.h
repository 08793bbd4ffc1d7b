/* SPDX-License-Identifier: MIT */
/* check_http.h - `forkyard check`: would http.listen work here? */
#pragma once

#include <jansson.h>

#include "base/base.h"
#include "wire/config.h"

json_t *check_http_json(const struct config *config);
void check_http_print(const struct config *config);
