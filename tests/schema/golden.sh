#!/bin/sh
# SPDX-License-Identifier: MIT
# golden.sh - every golden message through our own decoder and encoder.
exec "${TEST_BUILD:-build}/tests/schema/golden_test"
