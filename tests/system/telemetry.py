#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a job leaves behind: telemetry events and the chained audit records,
each by its schema, none missing.
timeout: 60
"""

import hashlib
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, conforms, same  # noqa: E402

JOBS = 20
CODE = "import sys; print('audited'); sys.exit(3)"
STEPS = ["received", "started", "finished", "published"]


def job_events(fleet):
    def found(records):
        mine = [r.message for r in records
                if r.message.get("job_id") == "watched"]
        return mine if len(mine) >= 3 else None

    events = fleet.tail("telemetry").wait(found, what="3 events")
    same([e["type"] for e in events],
         ["job.received", "job.started", "job.finished"], "types")
    for event in events:
        same(event["tenant_id"], "acme", "tenant_id")
        same(event["attempt"], 1, "attempt")
    times = [e["timestamp_unix_nano"] for e in events]
    same(times, sorted(times), "times in order")
    same(len({e["event_id"] for e in events}), 3, "event ids")
    same(events[-1]["attributes"]["forkyard.job.status"], "nonzero_exit")


def events_are_by_schema(fleet):
    records = list(fleet.tail("telemetry").records)
    for record in records:
        conforms("event", record.message)
        same(record.key.decode(), record.message["worker_id"], "key")
        same(record.headers.get("forkyard-schema"), "event/1", "header")
    for worker in fleet.workers:
        mine = [r.message for r in records
                if r.message["worker_id"] == worker]
        types = [m["type"] for m in mine]
        # What comes after its end is of its successor, which counts anew.
        end = types.index("worker.stopped") + 1 \
            if "worker.stopped" in types else len(mine)
        same([m["seq"] for m in mine[:end]], list(range(end)),
             f"seq of {worker}")


def audit_of(fleet, job_id):
    def found(records):
        mine = [r.message for r in records if r.key == job_id.encode()]
        return mine if len(mine) >= len(STEPS) else None

    return fleet.tail("audit").wait(found, what=f"audit of {job_id}")


def audit_of_one_job(fleet):
    records = audit_of(fleet, "watched")
    same([r["event_type"] for r in records], STEPS, "steps")
    same({r["code_sha256"] for r in records},
         {hashlib.sha256(CODE.encode()).hexdigest()}, "code_sha256")
    finished = records[STEPS.index("finished")]
    assert finished["usage"]["wall_us"] > 0, finished
    result = fleet.result("watched")
    same(result["wal_seq"], finished["seq"], "wal_seq of the result")
    same(result["code_sha256"], finished["code_sha256"], "result and audit")


def refused_job_leaves_a_trace(fleet):
    fleet.submit([{"job_id": "refused", "language": "shell", "code": "true",
                   "limits": {"memory_bytes": 1 << 60}}])

    def found(records):
        mine = [r.message for r in records if r.key == b"refused"]
        return mine if len(mine) >= 3 else None

    records = fleet.tail("audit").wait(found, what="audit of refused")
    same([r["event_type"] for r in records],
         ["received", "finished", "published"], "steps")
    events = fleet.tail("telemetry").wait(
        lambda rs: [r.message["type"] for r in rs
                    if r.message.get("job_id") == "refused"][1:] and
        [r.message["type"] for r in rs
         if r.message.get("job_id") == "refused"], what="2 events")
    same(events, ["job.received", "job.finished"], "events")


def audit_is_a_chain(fleet):
    ids = [f"chain-{n}" for n in range(JOBS)]
    fleet.submit([{"job_id": i, "language": "shell", "code": "echo x"}
                  for i in ids])
    for job_id in ids:
        same([r["event_type"] for r in audit_of(fleet, job_id)], STEPS, job_id)
    chains = {}
    for record in fleet.tail("audit").records:
        conforms("audit", record.message)
        chains.setdefault(record.message["worker_id"], []).append(record)
    same(set(chains), set(fleet.workers), "workers with records")
    for worker, records in chains.items():
        records.sort(key=lambda r: r.message["seq"])
        same([r.message["seq"] for r in records], list(range(len(records))),
             f"seq of {worker}")
        before = "0" * 64
        for record in records:
            same(record.message["prev_hash"], before,
                 f"prev_hash of {worker} {record.message['seq']}")
            before = hashlib.sha256(record.value).hexdigest()


def worker_life(fleet):
    pid = fleet.workers["dev-1"]

    def mine(kind):
        return [r.message for r in fleet.tail("telemetry").records
                if r.message["type"] == kind
                and r.message["attributes"].get("process.pid") == pid]

    tail = fleet.tail("telemetry")
    same(len(mine("worker.started")), 1, "worker.started")
    tail.wait(lambda _: len(mine("worker.heartbeat")) >= 2, what="heartbeats")
    os.kill(pid, signal.SIGTERM)
    stopped = tail.wait(lambda _: mine("worker.stopped"), what="stopped")[0]
    attributes = stopped["attributes"]
    same(attributes["service.name"], "forkyard", "service.name")
    same(attributes["forkyard.worker.received"],
         attributes["forkyard.worker.finished"], "received and finished")
    beats = [b["timestamp_unix_nano"] for b in mine("worker.heartbeat")]
    assert beats[-1] <= stopped["timestamp_unix_nano"], "a beat after the end"


def main():
    tap = Tap()
    with Fleet(workers=2, settings={
            "worker.heartbeat_interval": "100ms"}) as fleet:
        for name in ("telemetry", "audit", "results"):
            fleet.tail(name)
        fleet.submit([{"job_id": "watched", "tenant_id": "acme",
                       "language": "python",
                       "code": CODE}])
        tap.case("a job: received, started, finished", job_events, fleet)
        tap.case("a job: four audit records", audit_of_one_job, fleet)
        tap.case("a refused job leaves its trace too",
                 refused_job_leaves_a_trace, fleet)
        tap.case("audit: gapless, chained, by its schema", audit_is_a_chain,
                 fleet)
        tap.case("a worker: started, heartbeats, stopped", worker_life, fleet)
        tap.case("events: gapless, by their schema", events_are_by_schema,
                 fleet)
        fleet.wait_words("worker dev-1 is back")
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
