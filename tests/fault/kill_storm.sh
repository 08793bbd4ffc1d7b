#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kill_storm.sh - the kill storm of tests/sys for longer: thousands of kills.
# STORM_KILLS says how many, STORM_SEED repeats the choices of a run.
# timeout: 600
set -euo pipefail
export STORM_KILLS=${STORM_KILLS:-3000}
exec "$TEST_BUILD/tests/sys/kill_storm_test"
