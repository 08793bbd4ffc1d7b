#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh PROGRAM - the demo: a fleet on this machine, and a set of jobs that
# people recognise. `make demo` calls it; demo.py says the rest.
set -eu

python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" -B "$(dirname "$0")/demo.py" "$@"
