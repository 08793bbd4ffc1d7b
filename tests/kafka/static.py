#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Static members (kafka.group.instance.id): a worker that is restarted gets
its own partitions back, and the others notice nothing.
timeout: 90
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import kafka  # noqa: E402
from fleet import Tap, same, wait_dead  # noqa: E402
from one_worker import Worker, forkyard, make_topics, until  # noqa: E402

BROKERS = os.environ.get("TEST_KAFKA", "")
CLASSIC = {"kafka.session.timeout.ms": 6000,
           "kafka.heartbeat.interval.ms": 300}


def partitions(worker):
    try:
        return worker.metric("forkyard_consumer_partitions") or 0
    except OSError:  # not listening yet
        return 0


def owners(group):
    """{partition: instance}, as the broker has it."""
    words = kafka.tool(BROKERS, "consumer.group.ConsumerGroupCommand",
                       "--describe", "--group", group, "--members",
                       "--verbose")
    found = {}
    for line in words.splitlines():
        # GROUP CONSUMER-ID INSTANCE-ID HOST CLIENT-ID #PARTITIONS ... ASSIGNMENT
        row = line.split()
        if len(row) > 6 and row[0] == group:
            found[row[2]] = sorted(
                word.rstrip(",)") for word in row[6:] if "forkyard" in word or
                "jobs" in word)
    return found


def rebalances(worker):
    return sum(worker.metric("forkyard_consumer_rebalances_total",
                             change=change) or 0
               for change in ("assigned", "revoked", "lost"))


class Members:
    def __init__(self, protocol):
        self.group = f"static{os.getpid()}-{protocol}"
        self.settings = {
            "kafka.group.protocol": protocol, "topics.queues": "default",
            "topics.prefix": self.group + ".", "topics.group": self.group,
            "retry.forward": "false", "guard.enabled": "false",
            **(CLASSIC if protocol == "classic" else {})}
        make_topics(BROKERS, partitions=4,
                    settings={"topics.prefix": self.group + "."})

    def worker(self, instance):
        return Worker(BROKERS, {**self.settings,
                                "kafka.group.instance.id": instance})


def comes_back(members, ends):
    with members.worker("a") as first:
        until(lambda: partitions(first) == 4, "all partitions")
        second = members.worker("b")
        try:
            until(lambda: partitions(second) == 2 and partitions(first) == 2,
                  "two each")
            before = owners(members.group)
            count = rebalances(first)
            ends(second)
            second = members.worker("b")
            until(lambda: partitions(second) == 2, "its partitions again")
            same(owners(members.group), before, "who has what")
            same(rebalances(first), count, "rebalances the other saw")
            runs_jobs(members)
        finally:
            same(second.stop(), 0, "exit code")


def runs_jobs(members):
    code, out, err = forkyard(
        ["submit", "--wait"],
        {"kafka.bootstrap.servers": BROKERS,
         "topics.prefix": members.settings["topics.prefix"]},
        data=b'[{"language": "shell", "code": "true"},'
             b' {"language": "shell", "code": "true"}]')
    same(code, 0, f"exit code of submit ({out} {err})")


def told_to_go(worker):
    same(worker.stop(), 0, "exit code")


def killed(worker):
    worker.process.send_signal(signal.SIGKILL)
    wait_dead(worker.process.pid)


def main():
    tap = Tap()
    # Under the new protocol the place of one that was killed is not given
    # away before its session is over, not even to itself.
    for protocol, ends in (("classic", told_to_go), ("classic", killed),
                           ("consumer", told_to_go)):
        tap.case(f"{protocol}: {ends.__name__}, and back", comes_back,
                 Members(protocol), ends)
    tap.done()


main()
