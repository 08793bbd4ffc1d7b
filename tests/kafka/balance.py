#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Workers that join one after another share each queue evenly: a fleet whose
jobs are all in one queue must not leave half of itself without.
timeout: 60
"""

import os
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import kafka  # noqa: E402
from fleet import Fleet, Tap, same  # noqa: E402

QUEUES = ("high", "default", "low")


def owners(fleet):
    """{queue: Counter of partitions by member}, as the broker has it."""
    words = kafka.tool(os.environ["TEST_KAFKA"],
                       "consumer.group.ConsumerGroupCommand", "--describe",
                       "--group", fleet.group)
    found = {queue: Counter() for queue in QUEUES}
    for line in words.splitlines():
        # GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID
        row = line.split()
        if len(row) > 6 and row[1].startswith(fleet.topic("jobs.")):
            queue = row[1].removeprefix(fleet.topic("jobs."))
            found[queue][row[6]] += 1
    return found


def is_even(fleet, workers):
    found = owners(fleet)
    for queue in QUEUES:
        assert sum(found[queue].values()) == 16, f"partitions: {found}"
        assert "-" not in found[queue], f"nobody has some: {found}"
        same(len(found[queue]), workers, f"workers with queue {queue}")
        counts = found[queue].values()
        assert max(counts) - min(counts) <= 1, f"{queue}: {found[queue]}"


def main():
    os.environ["TEST_KAFKA_PROTOCOL"] = "consumer"
    tap = Tap()
    for workers in (2, 3):
        with Fleet(workers=workers, slots=1) as fleet:
            tap.case(f"{workers} workers share every queue", is_even, fleet,
                     workers)
            tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
