#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""topics.delivery: exactly-once - readers of committed records see one result
per job, whatever happens to workers and broker.
timeout: 170
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import kafka  # noqa: E402
from fleet import Fleet, Tap, kcat, same, wait_dead  # noqa: E402

EXACTLY = {"topics.delivery": "exactly-once", "guard.enabled": "false",
           "topics.queues": "default"}


def shell(job_id, code="true", **more):
    return {"job_id": job_id, "language": "shell", "code": code, **more}


def visible(fleet, level="read_committed"):
    """{key: number of results} as such a reader sees them."""
    out = subprocess.run(
        [*kcat(fleet.kafka, "-C", "-e", "-t", fleet.topic("results"),
               "-o", "beginning", "-f", "%k\n"),
         "-X", f"isolation.level={level}"],
        stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return Counter(out.decode().split())


def lag(fleet):
    """Of the group, as the broker has it; markers count too, so it is only
    used to see that it grows no more."""
    words = kafka.tool(fleet.kafka, "consumer.group.ConsumerGroupCommand",
                       "--describe", "--group", fleet.group)
    return sum(int(row[5]) for row in map(str.split, words.splitlines())
               if len(row) > 6 and row[5].isdigit())


def all_once(fleet, ids, what):
    fleet.results(ids, deadline_s=60)
    seen = visible(fleet)
    same({i: seen[i] for i in ids if seen[i] != 1}, {}, what)


def in_order_of_life(fleet):
    ids = [f"calm-{n}" for n in range(300)]
    fleet.submit([shell(i) for i in ids])
    all_once(fleet, ids, "not once")
    same(lag(fleet), 0, "lag")


def every_kind(fleet):
    """A dead letter, a job that is tried again, one that comes early, and one
    that may begin once: all of them settle in transactions."""
    fleet.produce(b"\xc1", key="poison")
    fleet.submit([
        shell("again", "exit 3", retry_on=["nonzero_exit"], max_attempts=2),
        shell("early", not_before_unix_nano=time.time_ns() + 7 * 10**9),
        shell("once", max_attempts=1)])
    fleet.tail("dead").wait(
        lambda records: any(r.key == b"poison" for r in records),
        what="the dead letter")
    same(fleet.result("again")["attempt"], 2, "attempt")
    all_once(fleet, ["again", "early", "once"], "not once")


def killed_at_any_moment(fleet):
    ids = [f"storm-{n}" for n in range(400)]
    fleet.submit([shell(i, "sleep 0.05") for i in ids])
    dice = random.Random(7)
    kills = 0
    while kills < 6:
        time.sleep(dice.uniform(0.3, 1.2))
        worker, pid = dice.choice(sorted(fleet.worker_pids().items()))
        os.kill(pid, signal.SIGKILL)
        wait_dead(pid)
        fleet.wait_words(f"worker {worker} is back", kills_of(worker))
        kills += 1
    all_once(fleet, ids, "not once after kill -9")


back = Counter()


def kills_of(worker):
    back[worker] += 1
    return back[worker]


def stopped_past_its_time(fleet):
    """A worker that did not move for longer than a transaction may last, and
    than its session: it is fenced, and makes a new producer."""
    ids = [f"zombie-{n}" for n in range(200)]
    fleet.submit([shell(i, "sleep 0.1") for i in ids])
    fleet.tail("results").wait(
        lambda records: any(r.key.startswith(b"zombie") for r in records),
        what="the first result")
    worker, pid = sorted(fleet.worker_pids().items())[0]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(14)
    os.kill(pid, signal.SIGCONT)
    all_once(fleet, ids, "not once after a stop")
    del worker


def main():
    tap = Tap()
    for protocol in ("classic", "consumer"):
        os.environ["TEST_KAFKA_PROTOCOL"] = protocol
        back.clear()
        with Fleet(workers=2, slots=4, settings=EXACTLY) as fleet:
            for topic in ("results", "dead"):
                fleet.tail(topic)
            tap.case(f"{protocol}: one result each, lag 0", in_order_of_life,
                     fleet)
            tap.case(f"{protocol}: every kind of job", every_kind, fleet)
            tap.case(f"{protocol}: kill -9 at any moment",
                     killed_at_any_moment, fleet)
            tap.case(f"{protocol}: stopped past its time",
                     stopped_past_its_time, fleet)
            tap.case(f"{protocol}: the fleet stops", fleet.stop)
    tap.done()


main()
