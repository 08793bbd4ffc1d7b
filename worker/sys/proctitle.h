/* SPDX-License-Identifier: MIT */
/* proctitle.h - what others see as our command line. */
#pragma once

#include "base/base.h"
#include "base/err.h"

/* Wipes the arguments this process was started with and puts title there, as
 * far as it fits. argv is empty from here on. The environment stays: only
 * those who may trace us can read it. */
int proctitle_replace(const char *title, struct err *e) MUST_USE;
