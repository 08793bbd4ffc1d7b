#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every accepted job gets its result: with a worker killed in the middle, with
a launcher killed, with a worker that drains. Nothing of a dead worker stays.
kafka: classic consumer
timeout: 180
"""

import os
import random
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, cgroup_directories, same, wait_dead  # noqa: E402

MIXED = 300


# ---- jobs with a known end -------------------------------------------------


def mixed_job(prefix, n):
    """Returns (job, wanted status, wanted stdout)."""
    name = {"job_id": f"{prefix}-{n}"}
    kinds = [
        ({"language": "shell", "code": f"echo {n}"}, "success", f"{n}\n"),
        ({"language": "shell", "code": f"sleep 0.05; echo {n}; exit 3"},
         "nonzero_exit", f"{n}\n"),
        ({"language": "python", "code": f"print({n} * {n})"}, "success",
         f"{n * n}\n"),
        ({"language": "shell", "code": f"echo {n}; kill -TERM $$"},
         "signalled", f"{n}\n"),
        ({"language": "shell", "code": "cat", "stdin": b"x" * n}, "success",
         "x" * n),
        ({"language": "shell", "code": "true", "limits": {
            "memory_bytes": -1}}, "validation_error", None),
    ]
    job, status, stdout = kinds[n % len(kinds)]
    return {**name, **job}, status, stdout


def submit_mixed(fleet, prefix, count=MIXED):
    cases = [mixed_job(prefix, n) for n in range(count)]
    fleet.submit([job for job, _, _ in cases])
    return cases


def all_are_right(fleet, cases, deadline_s=60):
    results = fleet.results([job["job_id"] for job, _, _ in cases],
                            deadline_s)
    for job, status, stdout in cases:
        got = results[job["job_id"]]
        said = got.get("stdout")
        same((got["status"], said.decode() if said is not None else None),
             (status, stdout), f"{job['job_id']} {got.get('status_reason')}")


def when_finished(fleet, prefix, count):
    """Returns once so many of them have a result."""
    def found(records):
        return len({r.key for r in records
                    if r.key.startswith(prefix.encode())}) >= count

    fleet.tail("results").wait(found, what=f"{count} results of {prefix}")


# ---- a worker dies ----------------------------------------------------------


def kill_worker(fleet):
    cases = submit_mixed(fleet, "killed")
    when_finished(fleet, "killed", MIXED // 4)
    worker = fleet.workers["dev-1"]
    launcher = fleet.launcher_of(worker)
    has_cgroups = bool(cgroups_of(worker, launcher))
    done = len({r.key for r in fleet.tail("results").records})
    assert done < MIXED, "killed too late to show anything"
    os.kill(worker, signal.SIGKILL)
    wait_dead(launcher)
    fleet.wait_words("worker dev-1 is back")
    all_are_right(fleet, cases)
    assert fleet.worker_pids()["dev-1"] != worker, "the same worker?"
    same(cgroups_of(worker, launcher), [], "cgroups of the dead worker")
    if has_cgroups:
        now = fleet.worker_pids()["dev-1"]
        assert cgroups_of(now, fleet.launcher_of(now)), "none looked at"


def cgroups_of(*pids):
    return [d for d in cgroup_directories()
            if any(f"/w{pid}-" in d for pid in pids)]


def boxes_end(fleet):
    """A job that is run again may still run when its first result is there;
    it ends soon, and nothing stays."""
    for _ in range(100):
        pids = fleet.payloads()
        if not pids:
            return
        for pid in pids:
            wait_dead(pid, 5)
    raise AssertionError(f"processes of boxes: {fleet.payloads()}")


def kill_under_boxes(fleet, prefix, victims_of):
    """Boxes do not outlive worker or launcher, whatever they do."""
    busy = "trap '' TERM; setsid sleep 300 & echo; sleep 300"
    fleet.submit([{"job_id": f"{prefix}-{n}", "language": "shell",
                   "code": busy, "stream": True,
                   "limits": {"wall_time_ms": 3000}} for n in range(8)])
    fleet.tail("output").wait(lambda records: len({
        r.key for r in records if r.key.startswith(prefix.encode())}) >= 5,
        what="five that run, on both workers")
    workers = list(fleet.worker_pids().values())
    launchers = [fleet.launcher_of(pid) for pid in workers]
    boxes = fleet.box_processes()
    assert len(boxes) >= 5, f"boxes that run: {boxes}"
    # A worker that starts sweeps up after dead ones. Not now: the question
    # is whether there is anything to sweep.
    fleet.process.send_signal(signal.SIGSTOP)
    try:
        for pid in victims_of(workers, launchers):
            os.kill(pid, signal.SIGKILL)
        for pid in workers + launchers + boxes:
            wait_dead(pid, 5)
    finally:
        fleet.process.send_signal(signal.SIGCONT)
    for worker in fleet.workers:
        fleet.wait_words(f"worker {worker} is back")


# ---- a launcher dies --------------------------------------------------------


def kill_launcher(fleet):
    cases = submit_mixed(fleet, "lost", 120)
    when_finished(fleet, "lost", 20)
    worker = fleet.worker_pids()["dev-2"]
    launcher = fleet.launcher_of(worker)
    os.kill(launcher, signal.SIGKILL)
    wait_dead(worker)
    fleet.wait_words("worker dev-2 is back")
    all_are_right(fleet, cases)
    boxes_end(fleet)
    same(cgroups_of(worker, launcher), [], "cgroups of the worker")


# ---- a worker drains --------------------------------------------------------


def events(fleet, worker_id):
    """Of one worker, in its order."""
    return [m for m in (r.message for r in fleet.tail("telemetry").records)
            if m.get("worker_id") == worker_id]


def started_on(fleet, worker_id, prefix):
    """Jobs that have begun there, by telemetry."""
    return {m["job_id"] for m in events(fleet, worker_id)
            if m["type"] == "job.started" and m["job_id"].startswith(prefix)}


def wait_stopped(fleet, worker_id):
    """Returns the jobs it started in its life, which has ended."""
    fleet.tail("telemetry").wait(lambda _: any(
        m["type"] == "worker.stopped" for m in events(fleet, worker_id)))
    types = [m["type"] for m in events(fleet, worker_id)]
    life = events(fleet, worker_id)[:types.index("worker.stopped")]
    return {m["job_id"] for m in life if m["type"] == "job.started"}


def submit_slow(fleet, prefix, count, seconds):
    jobs = [{"job_id": f"{prefix}-{n}", "language": "shell",
             "code": f"sleep {seconds}; echo {n}"} for n in range(count)]
    fleet.submit(jobs)
    fleet.tail("telemetry").wait(
        lambda _: started_on(fleet, "dev-1", prefix)
        and started_on(fleet, "dev-2", prefix), what="running on both")
    return [job["job_id"] for job in jobs]


def drain(fleet):
    """What runs on the drained worker finishes there, and only there."""
    ids = submit_slow(fleet, "drain", 24, 1.2)
    worker = fleet.workers["dev-1"]
    os.kill(worker, signal.SIGTERM)
    wait_dead(worker)
    running = wait_stopped(fleet, "dev-1")
    assert running, "nothing ran there"
    results = fleet.results(ids)
    same({r["status"] for r in results.values()}, {"success"}, "statuses")
    starts = [m["job_id"] for m in (r.message for r in
                                    fleet.tail("telemetry").records)
              if m["type"] == "job.started"]
    for job_id in running:
        same(starts.count(job_id), 1, f"{job_id}: starts")
        records = fleet.tail("results").with_key(job_id)
        same([r.message["worker"]["pid"] for r in records], [worker],
             f"{job_id}: results, by worker")


def second_signal(fleet):
    ids = submit_slow(fleet, "hurry", 8, 3)
    worker = fleet.worker_pids()["dev-1"]
    here = started_on(fleet, "dev-1", "hurry")
    os.kill(worker, signal.SIGTERM)
    # The second is only one after the first was seen: the worker says so.
    fleet.tail("telemetry").wait(lambda records: any(
        m["type"] == "worker.draining" or
        m.get("attributes", {}).get("forkyard.worker.draining")
        for m in (r.message for r in records)
        if m.get("attributes", {}).get("process.pid") == worker),
        what="the worker is draining")
    os.kill(worker, signal.SIGTERM)
    wait_dead(worker, 2)
    assert fleet.tail("results").with_key(sorted(here)[0]) == [], \
        "it waited for the job after all"
    results = fleet.results(ids)
    same({r["status"] for r in results.values()}, {"success"}, "statuses")


def main():
    random.seed(1)
    tap = Tap()
    # Commits as often as can be: one that says too much loses a job here.
    with Fleet(workers=2, slots=4, settings={
            "topics.commit_interval": "10ms"}) as fleet:
        fleet.tail("results")
        tap.case("kill -9 of a worker: every job has its right result",
                 kill_worker, fleet)
        tap.case("... no process of a box is left", boxes_end, fleet)
        tap.case("kill -9 of a launcher: every job has its right result",
                 kill_launcher, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    with Fleet(workers=2, slots=4) as fleet:
        tap.case("kill -9 of workers: their boxes die with them",
                 kill_under_boxes, fleet, "orphan", lambda w, _: w)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    with Fleet(workers=2, slots=4) as fleet:
        tap.case("kill -9 of launchers: their boxes die with them",
                 kill_under_boxes, fleet, "widow", lambda _, l: l)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    with Fleet(workers=2, slots=4, settings={
            "worker.heartbeat_interval": "100ms"}) as fleet:
        fleet.tail("telemetry")
        fleet.tail("results")
        tap.case("SIGTERM: what runs finishes, once; others take the rest",
                 drain, fleet)
        fleet.wait_words("worker dev-1 is back")
        tap.case("a second SIGTERM ends at once", second_signal, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
