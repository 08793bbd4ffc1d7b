#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Payloads, inits, launchers and engines killed at random moments, workers
told to end: every job has a result, nothing of a dead worker stays.
DRILL_ROUNDS and DRILL_SEED set how many and which.
timeout: 300
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import (  # noqa: E402
    FORKYARD, Fleet, Tap, cgroup_directories, children, processes_of_uids, same,
    wait_dead,
)

ROUNDS = int(os.environ.get("DRILL_ROUNDS", "200"))
SEED = int(os.environ.get("DRILL_SEED", "1"))
UID_BASE = 1500000000 + os.getpid() % 40000 * 8192
CODES = ["true", "echo hi; sleep 0.02", "sleep 0.1; exit 3",
         "head -c 200000 /dev/zero", None]
# What a job may end as when its own payload or init was killed, too.
STATUSES = {"success", "nonzero_exit", "validation_error", "signalled",
            "internal_error"}


def start_worker(fleet, index):
    settings = {"worker.slots": 4, "kafka.group.protocol": "consumer",
                "kafka.fetch.wait.max.ms": 5,
                "box.uid_base": UID_BASE + index * 4096}
    command = [FORKYARD, "worker", "--brokers", fleet.kafka]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def make_jobs(rnd, number):
    jobs = []
    for i in range(8):
        code = rnd.choice(CODES)
        jobs.append({"job_id": f"drill-{number}-{i}", "code": code or "x",
                     "language": "shell" if code else "cobol",
                     # a lost box is told, and not tried again in a minute
                     "retry_on": ["worker_lost"],
                     "stream": rnd.random() < 0.2})
    return jobs


def pick(rnd, kind, worker_pid):
    """A process of that kind of that worker, or None."""
    found = [worker_pid]
    for level in ("engine", "launcher", "init", "payload"):
        if level == kind:
            return rnd.choice(found) if found else None
        found = [child for pid in found for child in children(pid)]
    return None


def strike(rnd, worker, killed):
    kind = rnd.choice(["payload", "init", "launcher", "engine", "term"])
    if kind == "term":
        worker.terminate()
    else:
        pid = pick(rnd, kind, worker.pid)
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    killed[kind] += 1


def drill(fleet, workers, launchers):
    rnd = random.Random(SEED)
    killed = Counter()
    job_ids = []
    for number in range(ROUNDS):
        jobs = make_jobs(rnd, number)
        fleet.submit(jobs)
        job_ids += [job["job_id"] for job in jobs]
        time.sleep(rnd.random() * 0.25)  # the random moment
        strike(rnd, workers[rnd.randrange(2)], killed)
        for i, worker in enumerate(workers):
            launchers.update(children(worker.pid))
            if worker.poll() is not None:
                workers[i] = start_worker(fleet, i)
    print(f"# killed: {dict(killed)}", flush=True)
    results = fleet.results(job_ids, 120)
    statuses = Counter(r["status"] for r in results.values())
    print(f"# ended: {dict(statuses)}", flush=True)
    same(set(statuses) - STATUSES, set(), "odd statuses")
    assert statuses["internal_error"] <= killed["init"], "too many lost"


def nothing_is_left(workers, launchers, before):
    for worker in workers:
        if worker.poll() is None:  # else the last blow was at its launcher
            worker.terminate()
            same(worker.wait(30), 0, "exit status of a worker")
    for pid in launchers:
        wait_dead(pid)
    same(processes_of_uids(UID_BASE, 8192), [], "processes of boxes")
    left = {d for d in cgroup_directories() - before
            if any(f"/w{pid}-" in d for pid in launchers)}
    same(left, set(), "cgroups")


def main():
    tap = Tap()
    before = cgroup_directories()
    launchers = set()
    with Fleet(workers=1, slots=1) as fleet:
        fleet.tail("results")  # from now on: the broker forgets
        workers = [start_worker(fleet, i) for i in range(2)]
        tap.case("every job has a result", drill, fleet, workers, launchers)
        tap.case("nothing is left", nothing_is_left, workers, launchers,
                 before)
    tap.done()


main()
