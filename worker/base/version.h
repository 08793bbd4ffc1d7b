/* SPDX-License-Identifier: MIT */
/* version.h - the version of this program, as results and `forkyard version`
 * say it. */
#pragma once

#ifndef FORKYARD_VERSION
#define FORKYARD_VERSION "0.1.0"
#endif
