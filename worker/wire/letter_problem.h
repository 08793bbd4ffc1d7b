/* SPDX-License-Identifier: MIT */
/* letter_problem.h - what a worker would say of a dead letter's job. Pure. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/config.h"

/* 0: with this configuration it would be run; -1: it would not, and why. What
 * only a host can say (no such language there) is not known here. */
int letter_problem(const struct config *config, struct view value,
                   struct err *e) MUST_USE;
