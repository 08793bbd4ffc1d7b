#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Jobs that end at once share the slots with jobs that never would, while
something else keeps the machine busy: every limit is still enforced, and
every job gets its result. A launcher that takes one box's end for another's
waits for the wrong one here, and stops serving.
timeout: 120
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, same  # noqa: E402

JOBS = 300
LONG_EVERY = 5
WALL_TIME_MS = 300
BUSY_PROCESSES = 6


def is_long(i):
    return i % LONG_EVERY == 0


def all_end(fleet):
    jobs = {f"job-{i}": {
        "job_id": f"job-{i}", "language": "shell",
        "code": "exec sleep 100" if is_long(i) else "exit 0",
        "limits": {"wall_time_ms": WALL_TIME_MS if is_long(i) else 30000},
    } for i in range(JOBS)}
    fleet.submit(list(jobs.values()))
    results = fleet.results(list(jobs))
    for i in range(JOBS):
        want = "time_limit_exceeded" if is_long(i) else "success"
        same(results[f"job-{i}"]["status"], want, f"status of job-{i}")


def main():
    tap = Tap()
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
            for _ in range(BUSY_PROCESSES)]
    try:
        with Fleet(workers=2, slots=8) as fleet:
            tap.case(f"{JOBS} short and long jobs on a busy machine all end",
                     all_end, fleet)
            tap.case("the workers are well", fleet.is_well)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    tap.done()


main()
