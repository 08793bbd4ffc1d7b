#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker takes what it can run and leaves the rest on the topic: one that
comes later, in the middle of a backlog, gets its share.
timeout: 90
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, Fleet, Tap, same  # noqa: E402

JOBS = 80
SLOTS = 2
JOB_S = 0.1


class LateWorker:
    """A second worker, without dev; returns from the start when ready."""

    def __init__(self, fleet):
        read_fd, write_fd = os.pipe()
        settings = {
            "kafka.bootstrap.servers": fleet.kafka,
            "kafka.group.protocol": "consumer",
            "kafka.fetch.wait.max.ms": 2,
            "worker.id": "late",
            "worker.slots": SLOTS,
            "box.uid_base": fleet.uid_base + 2 * fleet.UID_RANGE,
            "log.level": "warn",
        }
        command = [FORKYARD, "worker", "--ready-fd", str(write_fd)]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        self.process = subprocess.Popen(command, pass_fds=[write_fd])
        os.close(write_fd)
        with os.fdopen(read_fd) as ready:
            assert '"ready":true' in ready.readline(), "it is not ready"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def share(fleet):
    ids = [f"share-{n}" for n in range(JOBS)]
    fleet.submit([{"job_id": i, "language": "shell", "code": f"sleep {JOB_S}"}
                  for i in ids])
    fleet.tail("results").wait(lambda records: len(records) >= 4,
                               what="a beginning")
    late = LateWorker(fleet)
    before = len(fleet.tail("results").records)
    results = fleet.results(ids)
    by = Counter(r["worker"]["id"] for r in results.values())
    print(f"# {before} done before the second was ready; in all {dict(by)}")
    left = JOBS - before
    assert left > JOBS / 3, "the first was done too soon to show anything"
    # Half each, but for chance in the keys and what was under way.
    assert by["late"] > left / 4, f"the second got {by['late']} of {left}"
    same(late.stop(), 0, "exit status of the second")
    return results


def never_more_than_slots(results):
    """Of one worker, by the times in the results."""
    for worker in {r["worker"]["id"] for r in results.values()}:
        mine = [r["timings"] for r in results.values()
                if r["worker"]["id"] == worker]
        marks = sorted([(t["started_unix_nano"], 1) for t in mine] +
                       [(t["finished_unix_nano"], -1) for t in mine])
        running = most = 0
        for _, step in marks:
            running += step
            most = max(most, running)
        same(most, SLOTS, f"at most at the same time on {worker}")


def few_ran_twice(fleet):
    """Moving partitions repeats what was under way, and nothing else."""
    keys = Counter(r.key for r in fleet.tail("results").records)
    twice = [k for k, n in keys.items() if n > 1]
    print(f"# {len(twice)} of {JOBS} jobs ran twice")
    assert len(twice) <= 2 * SLOTS, twice


def main():
    tap = Tap()
    results = {}
    with Fleet(workers=1, slots=SLOTS) as fleet:
        fleet.tail("results")
        tap.case("a later worker gets its share of a backlog",
                 lambda: results.update(share(fleet)))
        tap.case("no worker runs more than its slots", never_more_than_slots,
                 results)
        tap.case("a job that waited ran once", few_ran_twice, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
