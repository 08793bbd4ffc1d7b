#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kill -9 of every worker while one job holds up its partition: what finished
behind it was committed with it, and none of that runs again.
kafka: classic consumer
timeout: 120
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, same, wait_dead  # noqa: E402

SHORT = 150
COMMIT_MS = 10
HEARTBEAT_MS = 100
# The loop that sends these also commits: many commits lie between them.
HEARTBEATS = 10


def produce(fleet, jobs):
    """One key: one partition."""
    fleet.produce_many([(b"same", msgpack.packb(job)) for job in jobs])


def shell(job_id, code, wall_time_ms=60000):
    return {"job_id": job_id, "language": "shell", "code": code,
            "limits": {"wall_time_ms": wall_time_ms}}


def starts(fleet):
    return Counter(m["job_id"] for m in (
        r.message for r in fleet.tail("telemetry").records)
        if m["type"] == "job.started")


def wait_starts(fleet, job_id, count):
    fleet.tail("telemetry").wait(
        lambda _: starts(fleet)[job_id] >= count,
        what=f"start {count} of {job_id}")


def beats(fleet):
    """Of the worker that has beaten least."""
    count = Counter(m["worker_id"] for m in (
        r.message for r in fleet.tail("telemetry").records)
        if m["type"] == "worker.heartbeat")
    return min(count[worker] for worker in fleet.workers)


def finish_behind(fleet):
    produce(fleet, [shell("holder", "sleep 45")])
    wait_starts(fleet, "holder", 1)
    produce(fleet, [shell(f"short-{n}", f"echo {n}") for n in range(SHORT)])
    results = fleet.results([f"short-{n}" for n in range(SHORT)])
    same({r["source"]["partition"] for r in results.values()},
         {results["short-0"]["source"]["partition"]}, "partitions")
    same({r["status"] for r in results.values()}, {"success"}, "statuses")


def kill_all(fleet):
    before = beats(fleet)
    fleet.tail("telemetry").wait(
        lambda _: beats(fleet) >= before + HEARTBEATS, what="heartbeats")
    pids = fleet.worker_pids()
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    for worker, pid in pids.items():
        wait_dead(pid)
        fleet.wait_words(f"worker {worker} is back")


def none_runs_again(fleet):
    """The holder does, and a job behind all of them is reached."""
    wait_starts(fleet, "holder", 2)
    produce(fleet, [shell("behind", "echo behind")])
    same(fleet.result("behind")["status"], "success", "the job behind")
    count = starts(fleet)
    same({n: count[f"short-{n}"] for n in range(SHORT)
          if count[f"short-{n}"] != 1}, {}, "short jobs not started once")
    for n in range(SHORT):
        same(len(fleet.tail("results").with_key(f"short-{n}")), 1,
             f"results of short-{n}")
    same(count["holder"], 2, "starts of the holder")


def main():
    tap = Tap()
    with Fleet(workers=2, slots=4, settings={
            "topics.commit_interval": f"{COMMIT_MS}ms",
            "worker.heartbeat_interval": f"{HEARTBEAT_MS}ms",
            # `stop` ends the holder, and need not wait for it
            "worker.drain_timeout": "1s"}) as fleet:
        fleet.tail("telemetry")
        fleet.tail("results")
        tap.case(f"{SHORT} jobs finish behind one that runs",
                 finish_behind, fleet)
        tap.case("kill -9 of all workers", kill_all, fleet)
        tap.case("none of what finished runs again", none_runs_again, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
