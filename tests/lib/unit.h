/* SPDX-License-Identifier: MIT */
/* unit.h - cmocka with the headers it wants in front of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
