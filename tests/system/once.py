#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""max_attempts: 1 - a job that is begun at most once, and has its result
whatever becomes of its worker.
kafka: classic consumer
timeout: 150
"""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, same, wait_dead  # noqa: E402

NS = 10**9
MANY = 60
BEHIND = 40
SLOTS = 8  # of both workers


def once(job_id, code, **more):
    return {"job_id": job_id, "language": "shell", "code": code,
            "max_attempts": 1, **more}


def started(fleet, *job_ids):
    count = Counter(m["job_id"] for m in (
        r.message for r in fleet.tail("telemetry").records)
        if m["type"] == "job.started")
    return {job_id: count[job_id] for job_id in job_ids}


def wait_started(fleet, *job_ids):
    fleet.tail("telemetry").wait(
        lambda _: all(started(fleet, *job_ids).values()),
        what=f"start of {job_ids}")


def end_all(fleet, number):
    """And wait until others have taken their place."""
    pids = fleet.worker_pids()
    for pid in pids.values():
        os.kill(pid, number)
    for worker, pid in pids.items():
        wait_dead(pid)
        fleet.wait_words(f"worker {worker} is back", back.setdefault(worker, 1))
        back[worker] += 1


back = {}  # worker: how often it will have come back


def ends_well(fleet):
    fleet.submit([once("well", "echo well"), once("fails", "exit 3")])
    for job_id, status in (("well", "success"), ("fails", "nonzero_exit")):
        result = fleet.result(job_id)
        same((result["status"], result["attempt"]), (status, 1), job_id)


def many(fleet):
    ids = [f"many-{n}" for n in range(MANY)]
    fleet.submit([once(job_id, "true") for job_id in ids])
    results = fleet.results(ids)
    same({r["status"] for r in results.values()}, {"success"}, "statuses")
    wait_started(fleet, *ids)
    same(set(started(fleet, *ids).values()), {1}, "starts")


def not_early(fleet):
    due = time.time_ns() + 7 * NS
    fleet.submit([once("early", "date +%s%N", not_before_unix_nano=due)])
    result = fleet.result("early")
    assert int(result["stdout"]) >= due, "began before its time"


def worker_is_killed(fleet):
    """It is not run again; others are. What was behind it comes to its turn,
    and so does one that had not begun."""
    runs = [once(f"lost-{n}", "sleep 20") for n in range(3)]
    fleet.submit([*runs, {**once("again", "sleep 3"), "max_attempts": 2}])
    wait_started(fleet, "again", *(job["job_id"] for job in runs))
    fleet.submit([once(f"behind-{n}", "sleep 0.5") for n in range(BEHIND)])
    # of these some are about to begin, and some wait for a slot
    fleet.tail("results").wait(lambda _: any(
        fleet.tail("results").with_key(f"behind-{n}") for n in range(BEHIND)),
        what="the first behind")
    end_all(fleet, signal.SIGKILL)
    for n in range(3):
        result = fleet.result(f"lost-{n}")
        same((result["status"], result["attempt"]), ("worker_lost", 1),
             f"lost-{n}")
        same("max_attempts" in result["status_reason"], True,
             f"reason: {result['status_reason']}")
        dead = fleet.tail("dead").wait(
            lambda records, key=f"lost-{n}": [
                r for r in records if r.key == key.encode()],
            what=f"dead letter of lost-{n}")
        same(len(dead), 1, "dead letters")
    same(fleet.result("again")["status"], "success", "again")
    ids = [f"behind-{n}" for n in range(BEHIND)]
    statuses = {r["status"] for r in fleet.results(ids).values()}
    same(statuses <= {"success", "worker_lost"}, True, f"{statuses}")
    wait_started(fleet, *(i for i in ids
                          if fleet.result(i)["status"] == "success"))
    each = started(fleet, "lost-0", "lost-1", "lost-2", *ids)
    same([i for i in each if each[i] > 1], [], "begun more than once")
    # those that ran, and as many that a commit had announced
    lost = [i for i in ids if fleet.result(i)["status"] == "worker_lost"]
    assert len(lost) <= 2 * SLOTS, f"lost: {lost}"


def workers_are_told_to_go(fleet):
    """What had not begun is nobody's loss."""
    ids = [f"rolled-{n}" for n in range(40)]
    fleet.submit([once(job_id, "sleep 0.3") for job_id in ids])
    wait_started(fleet, "rolled-0")
    end_all(fleet, signal.SIGTERM)
    results = fleet.results(ids)
    same({r["status"] for r in results.values()}, {"success"}, "statuses")
    wait_started(fleet, *ids)
    same(set(started(fleet, *ids).values()), {1}, "starts")


def in_transactions(tap):
    """The marks travel there, and are taken back there."""
    back.clear()
    with Fleet(workers=2, slots=SLOTS // 2, settings={
            "topics.delivery": "exactly-once"}) as fleet:
        for topic in ("telemetry", "results", "dead"):
            fleet.tail(topic)
        tap.case("in transactions: it ends as others do", ends_well, fleet)
        tap.case("in transactions: SIGTERM to all, none is lost",
                 workers_are_told_to_go, fleet)
        tap.case("in transactions: the fleet stops", fleet.stop)


def main():
    tap = Tap()
    with Fleet(workers=2, slots=SLOTS // 2) as fleet:
        for topic in ("telemetry", "results", "dead"):
            fleet.tail(topic)
        tap.case("it ends as others do", ends_well, fleet)
        tap.case(f"{MANY} of them", many, fleet)
        tap.case("not before its time", not_early, fleet)
        tap.case("kill -9 of all: worker_lost, and not again",
                 worker_is_killed, fleet)
        tap.case("SIGTERM to all: none is lost", workers_are_told_to_go, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    if os.environ.get("TEST_KAFKA"):
        in_transactions(tap)
    tap.done()


main()
