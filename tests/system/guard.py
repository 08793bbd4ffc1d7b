#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker whose host has too much to do takes no jobs, says so, and takes
them again; and each result carries what the worker knew of its host.
timeout: 300
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, conforms, same  # noqa: E402

SNAPSHOTS = ["telemetry_before", "telemetry_after", "process_before",
             "process_after"]
# Others on this machine may leave a few as well.
ZOMBIES = 120
LIMIT = 80
SLOTS = 8

MAKER = """
import os, sys
made = []
for line in sys.stdin:
    if line == "make\\n":
        for _ in range(int(sys.argv[1])):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            made.append(pid)
    else:
        while made:
            os.waitpid(made.pop(), 0)
    print("done", flush=True)
"""


def rounds_s(count):
    """How long looking at every process so many times may take: the worker
    looks at 50 in a second."""
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return count * ((len(pids) + ZOMBIES) // 50 + 2)


class Zombies:
    """A process that makes children, and waits for them when it is told."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAKER, str(ZOMBIES)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, word):
        print(word, file=self.process.stdin, flush=True)
        same(self.process.stdout.readline(), "done\n", "the zombie maker")

    def close(self):
        self.tell("reap")
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


SETTINGS = {
    "guard.enabled": "true",
    # Only what this test makes itself may trip.
    "guard.cpu_percent": 0,
    "guard.memory_percent": 0,
    "guard.disk_percent": 0,
    "guard.pressure_memory_percent": 0,
    "guard.pressure_io_percent": 0,
    "guard.zombies": LIMIT,
    "guard.trip_time": "0",
    "guard.release_time": "1s",
    "worker.heartbeat_interval": "200ms",
}


def events(fleet, kind, count=1):
    def found(records):
        mine = [r.message for r in records if r.message["type"] == kind]
        return mine if len(mine) >= count else None

    return fleet.tail("telemetry").wait(found, what=f"{count} {kind}")


def later_beats(fleet, count):
    """That many heartbeats more than there are now."""
    now = len([r for r in fleet.tail("telemetry").records
               if r.message["type"] == "worker.heartbeat"])
    return events(fleet, "worker.heartbeat", now + count)[now:]


def check_trip(event, limit):
    conforms("event", event)
    same(event["severity"], "warn", "severity")
    got = event["attributes"]
    same(got["forkyard.guard.figure"], "zombies", "figure")
    same(got["forkyard.guard.threshold"], limit, "threshold")
    same(got["forkyard.guard.tripped"], 1, "tripped gauges")
    assert got["forkyard.guard.value"] > limit, got
    same(got["system.process.zombies"], got["forkyard.guard.value"], "value")


def check_release(event, limit):
    conforms("event", event)
    got = event["attributes"]
    same(got["forkyard.guard.figure"], "zombies", "figure")
    same(got["forkyard.guard.tripped"], 0, "tripped gauges")
    assert got["forkyard.guard.value"] <= limit * 0.9, got
    assert got["forkyard.guard.lasted_ms"] >= 1000, got


def reaped(case, fleet, zombies):
    """However it ends: the next case begins on a host that is well."""
    try:
        case(fleet, zombies)
    finally:
        zombies.tell("reap")


def a_job_waits(fleet, zombies):
    """Zombies from the start: the worker has never taken a job."""
    tripped = events(fleet, "guard.tripped")[0]
    check_trip(tripped, LIMIT)
    fleet.submit([{"job_id": "waits", "language": "shell", "code": "true"}])
    for beat in later_beats(fleet, 5):
        same(beat["attributes"]["forkyard.guard.tripped"], 1, "heartbeat")
        same(beat["attributes"]["forkyard.worker.received"], 0, "received")
    zombies.tell("reap")
    released = events(fleet, "guard.released")[0]
    check_release(released, LIMIT)
    result = fleet.result("waits")
    same(result["status"], "success", "status")
    received = result["timings"]["received_unix_nano"]
    assert received >= tripped["timestamp_unix_nano"], "taken before the trip"
    # The release is told first, then the waiting job is taken.
    assert received >= released["timestamp_unix_nano"], "taken while tripped"
    same("guard_tripped" in result["telemetry_before"], False,
         "guard_tripped before")


def what_runs_goes_on(fleet, zombies):
    """Zombies while a job runs: it ends as it would, the next one waits."""
    fleet.submit([{"job_id": "runs", "language": "shell",
                   "limits": {"wall_time_ms": 600000}, "stream": True,
                   "code": f"echo on; sleep {rounds_s(2)}; exit 7"}])
    fleet.tail("output").wait(
        lambda records: any(r.key == b"runs" for r in records),
        what="output of the running job")
    zombies.tell("make")
    check_trip(events(fleet, "guard.tripped", 2)[1], LIMIT)
    taken = later_beats(fleet, 1)[0]["attributes"]["forkyard.worker.received"]
    fleet.submit([{"job_id": "next", "language": "shell", "code": "true"}])
    result = fleet.result("runs")
    same((result["status"], result["exit_code"]), ("nonzero_exit", 7),
         "the running job")
    same(result["telemetry_after"]["guard_tripped"], True, "guard_tripped")
    assert result["telemetry_after"]["zombies"] > LIMIT, "zombies after"
    assert result["telemetry_before"]["zombies"] <= LIMIT, "zombies before"
    for beat in later_beats(fleet, 5):
        same(beat["attributes"]["forkyard.worker.received"], taken, "received")
    zombies.tell("reap")
    same(fleet.result("next")["status"], "success", "the next job")
    released = events(fleet, "guard.released", 2)[1]
    assert fleet.result("next")["timings"]["received_unix_nano"] >= \
        released["timestamp_unix_nano"], "taken while tripped"
    fleet.wait_words("guard tripped", 2)
    fleet.wait_words("guard released", 2)


def zombies_of_a_job_do_not_count(fleet):
    """They end with its box, and must not stop the worker for others."""
    before = len(fleet.tail("telemetry").records)
    result = fleet.run(
        language="python",
        limits={"max_processes": 200, "wall_time_ms": 600000},
        code="import os, time\n"
             f"for _ in range({ZOMBIES}):\n"
             "    if os.fork() == 0: os._exit(0)\n"
             f"time.sleep({rounds_s(2)})")
    same(result["status"], "success", f"status ({result['stderr']})")
    assert result["usage"]["processes_peak"] > LIMIT, "it made too few"
    for record in fleet.tail("telemetry").records[before:]:
        assert record.message["type"] != "guard.tripped", record.message


# ---- snapshots -------------------------------------------------------------


def meminfo(key):
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {key} in /proc/meminfo")


def snapshots_say_what_is(fleet):
    worker, pid = list(fleet.workers.items())[0]
    result = fleet.run(language="shell", code="sleep 2.5")
    conforms("result", result)
    same(result["worker"]["id"], worker, "worker")
    before, after = result["telemetry_before"], result["telemetry_after"]
    started = result["timings"]["started_unix_nano"]
    finished = result["timings"]["finished_unix_nano"]
    assert before["sampled_unix_nano"] <= started, "before is after"
    assert started < after["sampled_unix_nano"] <= finished + 10**9, "after"
    for host in (before, after):
        same(host["memory_total_bytes"], meminfo("MemTotal"), "memory")
        same(host["cpu_count"], os.cpu_count(), "cpu_count")
        assert host["jobs_running"] < SLOTS, host
        assert 0 < host["memory_used_bytes"] < host["memory_total_bytes"]
        assert 0 < host["disk_used_bytes"] <= host["disk_total_bytes"]
        assert host["processes"] > 3, host
        assert host["load_1m"] >= 0, host
    assert 0 <= after["cpu_others_percent"] <= after["cpu_percent"] <= 100
    if os.path.exists("/proc/pressure/cpu"):
        assert 0 <= after["pressure_cpu_percent"] <= 100
    first, last = result["process_before"], result["process_after"]
    for process in (first, last):
        same(process["engine"]["pid"], pid, "engine")
        same(process["launcher"]["pid"], fleet.launcher_of(pid), "launcher")
        assert process["engine"]["threads"] > 1, process
        assert process["engine"]["open_files"] > 3, process
        same(process["launcher"]["threads"], 1, "threads of the launcher")
        assert process["engine"]["memory_rss_bytes"] > 1 << 20, process
    assert last["engine"]["cpu_us"] >= first["engine"]["cpu_us"]
    same("box" in first, False, "a box before the run")
    assert last["box"]["pid"] > 1, last
    same(os.path.exists(f"/proc/{last['box']['pid']}/ns"), False,
         "the box after the run")


def jobs_running_is_of_the_moment(fleet):
    """Of four jobs that ran side by side; on a busy machine they may not, and
    one from before may be running again, delivered twice."""
    for attempt in range(5):
        ids = [f"beside-{attempt}-{n}" for n in range(4)]
        fleet.submit([{"job_id": i, "language": "shell",
                       "code": f"sleep {2 + attempt}"} for i in ids])
        results = fleet.results(ids).values()
        times = [r["timings"] for r in results]
        if max(t["started_unix_nano"] for t in times) < \
                min(t["finished_unix_nano"] for t in times):
            break
    else:
        raise AssertionError("they never ran side by side")
    for when in ("telemetry_before", "telemetry_after"):
        beside = sorted(r[when]["jobs_running"] for r in results)
        same(beside, list(range(beside[0], beside[0] + 4)), when)


def own_use_is_not_others(fleet):
    """Four boxes burn what CPU time they get. What of the host's use was
    ours, and what others', agrees with what the results say."""
    ids = [f"burns-{n}" for n in range(4)]
    fleet.submit([{"job_id": i, "language": "python",
                   "code": "import time\nend = time.time() + 5\n"
                           "while time.time() < end: pass"} for i in ids])
    results = list(fleet.results(ids).values())
    used_us = sum(r["usage"]["cpu_user_us"] + r["usage"]["cpu_system_us"]
                  for r in results)
    ours = 100 * used_us / 5e6 / os.cpu_count()
    shares = [r["telemetry_after"]["cpu_percent"] -
              r["telemetry_after"]["cpu_others_percent"] for r in results]
    print(f"# by the results {ours:.0f} %, by the samples {shares}")
    # The sample is of one second, the results of five.
    assert max(shares) >= ours / 4, "own use counts as others'"


def without_snapshots(fleet):
    result = fleet.run(language="shell", code="true")
    same([s for s in SNAPSHOTS if s in result], [], "snapshots")


def memory_trips_at_once(fleet):
    tripped = events(fleet, "guard.tripped")[0]
    got = tripped["attributes"]
    same(got["forkyard.guard.figure"], "memory", "figure")
    same(got["forkyard.guard.unit"], "%", "unit")
    assert abs(got["system.memory.utilization"] * 100 -
               got["forkyard.guard.value"]) < 1e-9, got
    fleet.wait_words("setting=guard.memory_percent")


def main():
    tap = Tap()
    zombies = Zombies()
    zombies.tell("make")
    with Fleet(workers=1, slots=SLOTS, settings=SETTINGS) as fleet:
        for name in ("telemetry", "results", "output"):
            fleet.tail(name)
        tap.case("a job waits until the host is well", reaped, a_job_waits,
                 fleet, zombies)
        tap.case("what runs goes on, the next job waits", reaped,
                 what_runs_goes_on, fleet, zombies)
        zombies.close()
        tap.case("zombies of a job do not count",
                 zombies_of_a_job_do_not_count, fleet)
        tap.case("snapshots say what is", snapshots_say_what_is, fleet)
        tap.case("jobs_running is of the moment",
                 jobs_running_is_of_the_moment, fleet)
        tap.case("own CPU use is not others'", own_use_is_not_others, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    with Fleet(workers=1, slots=4, settings={
            "box.cgroup": "none", "result.snapshots": "true"}) as fleet:
        tap.case("own CPU use is not others', without cgroup",
                 own_use_is_not_others, fleet)
    with Fleet(workers=1, slots=1, settings={
            "result.snapshots": "false", "guard.enabled": "true",
            "guard.trip_time": "1h"}) as fleet:
        tap.case("snapshots can be switched off", without_snapshots, fleet)
    with Fleet(workers=1, slots=1, settings={
            **SETTINGS, "guard.memory_percent": 1}) as fleet:
        tap.case("memory over 1 % trips at once", memory_trips_at_once, fleet)
        tap.case("a tripped worker drains at once", fleet.stop)
    tap.done()


main()
