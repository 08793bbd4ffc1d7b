#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Jobs that are tried again, jobs that come before their time, and jobs that
wait for the one before them: what is promised of each, seen from outside.
kafka: classic consumer
timeout: 180
"""

import os
import signal
import sys
import time
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, same, wait_dead  # noqa: E402

NS = 10**9
TIER_S = 5  # the shortest


def shell(job_id, code, **more):
    return {"job_id": job_id, "language": "shell", "code": code, **more}


def letter(fleet, job_id):
    """The dead letter whose value is that job."""
    def found(records):
        return next((r for r in records if r.value and
                     job_id.encode() in r.value), None)
    return fleet.tail("dead").wait(found, what=f"dead letter of {job_id}")


def events(fleet, job_id, kind):
    return [r.message for r in fleet.tail("telemetry").records
            if r.message.get("job_id") == job_id and r.message["type"] == kind]


# ---- tried again ------------------------------------------------------------


def spent(fleet):
    """Two attempts, five seconds apart, one result, and a dead letter with
    the bytes and headers as they came."""
    job = msgpack.packb(shell("spent", "exit 7", max_attempts=2,
                              retry_on=["nonzero_exit"]))
    fleet.produce(job, key="spent",
                  headers=[("traceparent", "00-x"), ("mine", "1")])
    result = fleet.result("spent")
    same((result["status"], result["exit_code"], result["attempt"]),
         ("nonzero_exit", 7, 2), "the result")
    fleet.tail("telemetry").wait(
        lambda _: len(events(fleet, "spent", "job.started")) > 1,
        what="the second start")
    same([m["attempt"] for m in events(fleet, "spent", "job.started")],
         [1, 2], "attempts")
    first, second = events(fleet, "spent", "job.started")
    apart = (second["timestamp_unix_nano"] - first["timestamp_unix_nano"]) / NS
    assert apart >= TIER_S, f"the attempts are {apart} s apart"
    dead = letter(fleet, "spent")
    same((dead.value, dead.key), (job, b"spent"), "the dead letter")
    same((dead.headers["forkyard.dlq.stage"],
          dead.headers["forkyard.dlq.exception.class.name"],
          dead.headers["mine"], dead.headers["traceparent"]),
         ("run", "attempts_spent", "1", "00-x"), "its headers")
    same(len(fleet.tail("results").with_key("spent")), 1, "results")


def not_asked_for(fleet):
    fleet.submit([shell("once", "exit 7"),
                  shell("other", "exit 7", retry_on=["signalled"])])
    for job_id in ("once", "other"):
        result = fleet.result(job_id)
        same((result["status"], result["attempt"]), ("nonzero_exit", 1),
             job_id)


def expires_before(fleet):
    """A further attempt would begin too late: there is none."""
    fleet.submit([shell("short-lived", "exit 7", retry_on=["nonzero_exit"],
                        expires_unix_nano=time.time_ns() + 4 * NS)])
    result = fleet.result("short-lived", deadline_s=4)
    same((result["status"], result["attempt"]), ("nonzero_exit", 1), "result")
    letter(fleet, "short-lived")


# ---- not before -------------------------------------------------------------


def not_before(fleet, job_id, seconds):
    due = time.time_ns() + int(seconds * NS)
    fleet.submit([shell(job_id, "date +%s%N", not_before_unix_nano=due)])
    fleet.submit([shell(job_id + "-behind", "true")])
    same(fleet.result(job_id + "-behind", deadline_s=seconds)["status"],
         "success", "the job behind it")
    result = fleet.result(job_id)
    late = (int(result["stdout"]) - due) / NS
    assert late >= 0, f"began {-late} s before its time"
    assert late < 10, f"began {late} s after its time"
    same(result["attempt"], 1, "attempt")


def parked(fleet):
    not_before(fleet, "parked", 2)
    same(events(fleet, "parked", "job.deferred"), [], "deferred")


def deferred(fleet):
    not_before(fleet, "deferred", TIER_S + 2)
    same(len(events(fleet, "deferred", "job.deferred")), 1, "deferred")


def rewritten(fleet):
    """What waits for long is written anew, and comes back once."""
    due = time.time_ns() + 10 * NS
    fleet.submit([shell("long", "date +%s%N", not_before_unix_nano=due)])
    result = fleet.result("long")
    assert int(result["stdout"]) >= due, "began before its time"
    copies = fleet.tail("deferred").with_key("long")
    assert len(copies) > 2, f"{len(copies)} records of it"
    same({r.value for r in copies}, {copies[0].value}, "their bytes")
    same({r.headers["forkyard.later.due"] for r in copies},
         {copies[0].headers["forkyard.later.due"]}, "when it is due")
    same(len(fleet.tail("results").with_key("long")), 1, "results")


def too_early_for_once(fleet):
    """It would have to wait in memory, for longer than Kafka keeps it."""
    fleet.submit([shell("once-later", "true", max_attempts=1,
                        not_before_unix_nano=time.time_ns() + 60 * NS)])
    result = fleet.result("once-later")
    same(result["status"], "setup_error", "status")
    same("retry.rewrite_interval" in result["status_reason"], True,
         f"reason: {result['status_reason']}")


def long_past(fleet):
    fleet.submit([shell("past", "true", not_before_unix_nano=1)])
    same(fleet.result("past")["status"], "success", "status")


def survives_its_workers(fleet):
    """Both workers are killed while jobs wait: nothing is lost."""
    now = time.time_ns()
    fleet.submit([shell("outlives", "true",
                        not_before_unix_nano=now + (TIER_S + 3) * NS),
                  shell("tried-after", "exit 7", max_attempts=2,
                        retry_on=["nonzero_exit"]),
                  shell("parked-then", "true",
                        not_before_unix_nano=now + 4 * NS)])
    fleet.tail("telemetry").wait(
        lambda _: events(fleet, "outlives", "job.deferred") and
        events(fleet, "tried-after", "job.retried"), what="both wait")
    for worker, pid in fleet.worker_pids().items():
        os.kill(pid, signal.SIGKILL)
        wait_dead(pid)
        fleet.wait_words(f"worker {worker} is back")
    for job_id in ("outlives", "parked-then"):
        same(fleet.result(job_id)["status"], "success", job_id)
    same(fleet.result("tried-after")["attempt"], 2, "attempt")


# ---- one after the other ----------------------------------------------------


def keyed(job_id, key, code, **more):
    return shell(job_id, code, ordering_key=key, **more)


def produce_keyed(fleet, jobs):
    fleet.produce_many([(job["ordering_key"].encode(), msgpack.packb(job))
                        for job in jobs])


STAMPS = "date +%s%N; sleep 0.$((RANDOM % 10)); date +%s%N"


def in_order(fleet):
    """In each key one at a time, as sent; the keys beside each other."""
    keys, each = 3, 6
    produce_keyed(fleet, [
        keyed(f"order-{k}-{n}", f"key-{k}", STAMPS, language_version="bash")
        for n in range(each) for k in range(keys)])
    spans = {}
    for k in range(keys):
        ids = [f"order-{k}-{n}" for n in range(each)]
        results = fleet.results(ids)
        spans[k] = [tuple(map(int, results[i]["stdout"].split()))
                    for i in ids]
        flat = [at for span in spans[k] for at in span]
        same(flat, sorted(flat), f"beginnings and ends of key-{k}")
    meets = any(a[0] < b[1] and b[0] < a[1]
                for a in spans[0] for k in (1, 2) for b in spans[k])
    assert meets, "the keys waited for each other"


def a_slow_key(fleet):
    """Others of its partition go past."""
    jobs = [keyed("slow-0", "slow", "sleep 6"), keyed("slow-1", "slow", "true")]
    jobs += [shell(f"past-{n}", "true") for n in range(20)]
    fleet.produce_many([(b"slow", msgpack.packb(job)) for job in jobs])
    results = fleet.results([f"past-{n}" for n in range(20)], deadline_s=5)
    same({r["status"] for r in results.values()}, {"success"}, "others")
    same(fleet.tail("results").with_key("slow-1"), [], "the second's result")
    results = fleet.results(["slow-0", "slow-1"])
    same({r["source"]["partition"] for r in results.values()},
         {fleet.result("past-0")["source"]["partition"]}, "partitions")


def a_retry_keeps_its_turn(fleet):
    produce_keyed(fleet, [
        keyed("fails", "turn", "date +%s%N; exit 7", max_attempts=2,
              retry_on=["nonzero_exit"]),
        keyed("follows", "turn", "date +%s%N")])
    failed, follower = fleet.result("fails"), fleet.result("follows")
    same((failed["attempt"], follower["attempt"]), (2, 1), "attempts")
    assert int(follower["stdout"]) > int(failed["stdout"]), "out of order"


def tenants_have_keys_of_their_own(fleet):
    for tenant in ("a", "b"):
        produce_keyed(fleet, [keyed(f"tenant-{tenant}", "same", "sleep 2; "
                                    "date +%s%N", tenant_id=tenant)])
    ends = [int(fleet.result(f"tenant-{t}")["stdout"]) for t in ("a", "b")]
    assert abs(ends[0] - ends[1]) < 1.5 * NS, f"one waited: {ends}"


# ---- what others put there --------------------------------------------------


def forged(fleet, name, headers):
    value = msgpack.packb(shell(f"forged-{name}", "true"))
    fleet.produce(value, key="forged", headers=headers, topic="retry.5s")
    dead = letter(fleet, f"forged-{name}")
    same((dead.value, dead.headers["forkyard.dlq.stage"],
          dead.headers["forkyard.dlq.exception.class.name"]),
         (value, "return", "not_returnable"), "the dead letter")


DUE, TOPIC = "forkyard.later.due", "forkyard.later.topic"
FORGED = {
    "nothing": {},
    "no topic": {DUE: "0"},
    "not of jobs": {DUE: "0", TOPIC: "{}results"},
    "only the stem": {DUE: "0", TOPIC: "{}jobs."},
    "no number": {DUE: "soon", TOPIC: "{}jobs.default"},
    "a long number": {DUE: "1" * 40, TOPIC: "{}jobs.default"},
}


def main():
    tap = Tap()
    with Fleet(workers=2, slots=4) as fleet:
        for topic in ("telemetry", "results", "dead"):
            fleet.tail(topic)
        tap.case("a job has its attempts, then a dead letter", spent, fleet)
        tap.case("another ending is not tried again", not_asked_for, fleet)
        tap.case("no attempt after it expires", expires_before, fleet)
        tap.case("a moment early: parked", parked, fleet)
        tap.case("early: deferred", deferred, fleet)
        tap.case("long past", long_past, fleet)
        tap.case("jobs of a key in order, keys in parallel", in_order, fleet)
        tap.case("a slow key does not block its partition", a_slow_key, fleet)
        tap.case("a retry keeps its turn", a_retry_keeps_its_turn, fleet)
        tap.case("keys belong to a tenant", tenants_have_keys_of_their_own,
                 fleet)
        for name, headers in FORGED.items():
            tap.case(f"forged, {name}: a dead letter", forged, fleet, name,
                     [(n, text.format(fleet.topic_prefix))
                      for n, text in headers.items()])
        tap.case("kill -9 of all while jobs wait", survives_its_workers, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    with Fleet(settings={"retry.rewrite_interval": "2s"}) as fleet:
        for topic in ("telemetry", "results", "deferred"):
            fleet.tail(topic)
        tap.case("what waits for long is written anew", rewritten, fleet)
        tap.case("at most once, far ahead: refused", too_early_for_once, fleet)
        tap.case("that fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
