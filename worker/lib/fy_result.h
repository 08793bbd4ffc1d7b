/* SPDX-License-Identifier: MIT */
/* fy_result.h - results from inside. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "lib/forkyard.h"
#include "wire/result.h"

/* Copies the bytes. */
int fy_result_new(struct view bytes, struct fy_result **out,
                  struct err *e) MUST_USE;
const struct result *fy_result_record(const struct fy_result *result);
