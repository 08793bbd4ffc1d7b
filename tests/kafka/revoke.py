#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Partitions that go to another worker while jobs of theirs run: given away
when these have ended, or when their time is up, or lost.
timeout: 150
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import ROOT, TMPDIR, Tap, read_all, same  # noqa: E402
from one_worker import Worker, forkyard, until  # noqa: E402

BROKERS = os.environ.get("TEST_KAFKA", "")
JOBS = 12
PARTITIONS = 4


class Place:
    """Topics and a group of their own, with both group protocols."""

    count = 0

    def __init__(self, protocol, **settings):
        Place.count += 1
        self.prefix = f"revoke{os.getpid()}-{Place.count}."
        classic = {"kafka.session.timeout.ms": 3000,
                   "kafka.heartbeat.interval.ms": 300}
        self.settings = {
            "kafka.bootstrap.servers": BROKERS, "topics.prefix": self.prefix,
            "topics.group": self.prefix, "topics.queues": "default",
            "kafka.group.protocol": protocol, "worker.slots": 16,
            "retry.forward": "false", "guard.enabled": "false",
            **(classic if protocol == "classic" else {}), **settings}
        self.make_topics()

    def make_topics(self):
        wanted = yaml.safe_load(
            (ROOT / "broker-config" / "topics.yaml").read_text())
        for topic in wanted["topics"]:
            topic["partitions"] = PARTITIONS
        path = Path(TMPDIR) / "topics.yaml"
        path.write_text(yaml.safe_dump(wanted))
        code, _, err = forkyard(["topics", "apply", "--file", str(path)],
                                self.settings)
        assert code == 0, err

    def worker(self):
        return Worker(BROKERS, self.settings)

    def submit(self, code, **more):
        ids = [f"job-{n}" for n in range(JOBS)]
        jobs = "".join(json.dumps({
            "job_id": i, "language": "shell", "code": code,
            **{name: value + i for name, value in more.items()}}) + "\n"
            for i in ids)
        code, _, err = forkyard(["submit"], self.settings, data=jobs.encode())
        same(code, 0, f"exit code of submit ({err})")
        return ids

    def records(self, topic):
        return read_all(BROKERS, self.prefix + topic)

    def starts(self):
        return Counter(
            r.message["job_id"] for r in self.records("telemetry")
            if r.message["type"] == "job.started")

    def results(self):
        """{job: [by which worker, in the order readers see]}"""
        found = {}
        for record in self.records("results"):
            found.setdefault(record.key.decode(), []).append(
                record.message["worker"]["id"])
        return found


def partitions(worker):
    try:
        return worker.metric("forkyard_consumer_partitions") or 0
    except OSError:  # not listening yet
        return 0


def two_workers(place, code, join, **more):
    """Jobs run on all partitions of the first when the second comes: join()
    has it take some. What was started, and whose results there are."""
    with place.worker() as first:
        until(lambda: partitions(first) == PARTITIONS, "all partitions")
        ids = place.submit(code, **more)
        until(lambda: len(place.starts()) == JOBS, "all jobs started")
        with place.worker() as second:
            join(first, second)
            until(lambda: sorted(place.results()) == sorted(ids),
                  "all results")
            # what else might come has come when both are gone
            for worker in (first, second):
                same(worker.stop(), 0, "exit code")
    return place.starts(), place.results()


def joins(_, second):
    until(lambda: partitions(second) > 0, "some partitions")


def waits_for_its_jobs(protocol):
    starts, results = two_workers(Place(protocol), "sleep 3", joins)
    same({i: n for i, n in starts.items() if n != 1}, {}, "begun twice")
    same({i: r for i, r in results.items() if len(r) != 1}, {}, "results")


def time_is_up_kill(protocol):
    starts, results = two_workers(
        Place(protocol, **{"topics.revoke_grace": "0ms",
                           "topics.kill_revoked": "true"}), "sleep 4", joins)
    assert set(starts.values()) == {1, 2}, f"starts: {starts}"
    same({i: r for i, r in results.items() if len(r) != 1}, {}, "results")


def time_is_up_go_on(protocol):
    """Both run them; readers see the one that was first."""
    starts, results = two_workers(
        Place(protocol, **{"topics.revoke_grace": "0ms",
                           "topics.kill_revoked": "false"}), "sleep 4", joins)
    assert set(starts.values()) == {1, 2}, f"starts: {starts}"
    same({i: len(r) for i, r in results.items()}, dict(starts), "results")
    old = results[max(results, key=lambda i: len(results[i]) == 1)][0]
    same({r[0] for r in results.values()}, {old}, "who was first")


def time_is_up_in_order(protocol):
    """The next of their key would begin elsewhere while they run here."""
    starts, results = two_workers(
        Place(protocol, **{"topics.revoke_grace": "0ms",
                           "topics.kill_revoked": "false"}), "sleep 4", joins,
        ordering_key="key-of-")
    assert set(starts.values()) == {1, 2}, f"starts: {starts}"
    same({i: r for i, r in results.items() if len(r) != 1}, {}, "results")


def lost(first, second):
    """The engine does not answer for longer than its session lasts; its boxes
    run on meanwhile."""
    os.kill(first.process.pid, signal.SIGSTOP)
    until(lambda: partitions(second) == PARTITIONS, "all partitions")
    os.kill(first.process.pid, signal.SIGCONT)


def a_lost_partition_kill(protocol):
    starts, results = two_workers(
        # the first takes some back, and is to have them after their jobs
        Place(protocol, **{"topics.kill_revoked": "true",
                           "topics.revoke_grace": "50s"}), "sleep 12", lost)
    same(set(starts.values()), {2}, "starts")
    same({i: r for i, r in results.items() if len(r) != 1}, {}, "results")
    same(len({r[0] for r in results.values()}), 1, "workers of the results")


def main():
    tap = Tap()
    for protocol in ("classic", "consumer"):
        tap.case(f"{protocol}: waits for its jobs", waits_for_its_jobs,
                 protocol)
        tap.case(f"{protocol}: time is up, they are killed", time_is_up_kill,
                 protocol)
        tap.case(f"{protocol}: time is up, they go on", time_is_up_go_on,
                 protocol)
    tap.case("time is up, jobs of a key are killed", time_is_up_in_order,
             "consumer")
    tap.case("lost: they are killed", a_lost_partition_kill, "classic")
    tap.done()


main()
