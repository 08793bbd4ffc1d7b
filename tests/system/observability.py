#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a worker shows over HTTP is true: metrics, read by Debian's
prometheus_client, agree with what is on the topics; readiness follows broker,
guard, launcher and drain; who talks slowly holds up nobody.
timeout: 300
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import msgpack  # noqa: E402
from fleet import (DEADLINE_S, FORKYARD, Fleet, Tap, children,  # noqa: E402
                   now_s, same)
from prometheus_client.openmetrics import parser as openmetrics  # noqa: E402
from prometheus_client.parser import (  # noqa: E402
    text_string_to_metric_families)

ZOMBIES = 120
SETTINGS = {
    "guard.enabled": "true",
    # Only what this test makes itself may trip.
    "guard.cpu_percent": 0,
    "guard.memory_percent": 0,
    "guard.disk_percent": 0,
    "guard.pressure_memory_percent": 0,
    "guard.pressure_io_percent": 0,
    "guard.zombies": ZOMBIES - 40,
    "guard.trip_time": "0",
    "guard.release_time": "0",
}


def get(url, accept=None, method="GET"):
    """Status, Content-Type, text."""
    headers = {"Accept": accept} if accept else {}
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return (answer.status, answer.headers["Content-Type"],
                    answer.read().decode())
    except urllib.error.HTTPError as answer:
        return (answer.code, answer.headers["Content-Type"],
                answer.read().decode())


def until(found, what, deadline_s=DEADLINE_S):
    """The value of found() as soon as it is true."""
    end = now_s() + deadline_s
    while True:
        got = found()
        if got:
            return got
        if now_s() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.05)  # between two looks


class Worker:
    """The only worker of a fleet, as HTTP shows it."""

    def __init__(self, fleet, name="dev-1"):
        self.base = fleet.metrics[name].removesuffix("/metrics")

    def samples(self):
        """{(name, {label: value}): value} in one list, as Prometheus reads
        it."""
        _, _, text = get(self.base + "/metrics")
        return [s for family in text_string_to_metric_families(text)
                for s in family.samples]

    def sum(self, name, **labels):
        return sum(s.value for s in self.samples() if s.name == name
                   and labels.items() <= s.labels.items())

    def ready(self):
        status, kind, text = get(self.base + "/readyz")
        same(kind, "application/json", "type of /readyz")
        body = json.loads(text)
        same(status, 200 if body["ready"] else 503, "status of /readyz")
        same(body["ready"], all(p["ready"] for p in body["parts"].values()),
             "ready")
        return body

    def wait_ready(self, part=None, is_ready=True):
        def found():
            body = self.ready()
            state = body["parts"][part] if part else body
            return state if state["ready"] == is_ready else None

        return until(found, f"{part or 'all'} ready: {is_ready}")


# ---- figures --------------------------------------------------------------

JOBS = {
    "success": "true",
    "nonzero_exit": "exit 3",
    "time_limit_exceeded": "sleep 60",
    "validation_error": None,
}


def jobs(times):
    for i in range(times):
        for status, code in JOBS.items():
            job = {"job_id": f"{status}-{i}", "language": "shell", "code": code,
                   "limits": {"wall_time_ms": 400}}
            yield {k: v for k, v in job.items() if v is not None}


def counters_agree_with_the_topics(fleet):
    worker = Worker(fleet)
    sent = list(jobs(3))
    fleet.submit(sent[:6], "jobs.default")
    fleet.submit(sent[6:], "jobs.high")
    fleet.produce(b"no msgpack at all")
    got = fleet.results([j["job_id"] for j in sent])
    fleet.tail("dead").wait(lambda records: records, what="a dead letter")
    wanted = Counter(r["status"] for r in got.values())
    same(wanted, Counter({status: 3 for status in JOBS}), "results")

    def counted():
        found = {s: worker.sum("forkyard_jobs_finished_total", status=s)
                 for s in JOBS}
        return found == wanted

    until(counted, "as many counted as there are results")
    same(worker.sum("forkyard_jobs_finished_total"), len(sent), "finished")
    same(worker.sum("forkyard_jobs_finished_total", queue="high"),
         len(sent) - 6, "finished of high")
    same(worker.sum("forkyard_jobs_dead_lettered_total", queue="default",
                    reason="undecodable"), 1, "dead letters")
    same(worker.sum("messaging_client_consumed_messages_total"),
         len(sent) + 1, "taken")
    same(worker.sum("forkyard_jobs_limit_reached_total", limit="wall_time"), 3,
         "limits")
    same(worker.sum("forkyard_job_run_time_seconds_count"), 9, "boxed")
    slept = worker.sum("forkyard_job_run_time_seconds_sum")
    told = sum(r["timings"]["run_us"] for r in got.values()
               if "run_us" in r["timings"]) / 1e6
    assert abs(slept - told) < 1e-6, (slept, told)
    same(worker.sum("messaging_process_duration_seconds_count"), len(sent),
         "durations")


def both_formats_are_what_they_say(fleet):
    base = Worker(fleet).base
    status, kind, text = get(base + "/metrics", "text/plain")
    same((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
    plain = list(text_string_to_metric_families(text))
    status, kind, text = get(
        base + "/metrics", "application/openmetrics-text;version=1.0.0")
    same((status, kind), (200, "application/openmetrics-text; version=1.0.0; "
                          "charset=utf-8"))
    opened = list(openmetrics.text_string_to_metric_families(text))
    same({f.name for f in opened}, {f.name for f in plain}, "families")
    assert len(opened) > 30, opened


def unfinished_counts_what_is_not_taken(fleet):
    """One slot, one long job, a backlog behind it that grows when nothing can
    be fetched any more."""
    worker = Worker(fleet)
    before = worker.sum("forkyard_jobs_unfinished")
    same(before, 0, "unfinished before")
    long = {"job_id": "long", "language": "shell", "code": "sleep 60"}
    short = [{"job_id": f"short-{i}", "language": "shell", "code": "true"}
             for i in range(60)]
    key = b"one-partition"
    fleet.produce_many([(key, msgpack.packb(long))])
    until(lambda: worker.sum("forkyard_jobs_running") == 1, "the long job runs")
    fleet.produce_many([(key, msgpack.packb(j)) for j in short])
    until(lambda: worker.sum("forkyard_jobs_unfinished") == 61,
          "61 unfinished jobs")
    fleet.produce_many([(key, msgpack.packb(
        {**short[0], "job_id": f"more-{i}"})) for i in range(40)])
    until(lambda: worker.sum("forkyard_jobs_unfinished") == 101,
          "101 unfinished jobs")
    until(lambda: worker.sum("forkyard_partition_watermark_age_seconds") > 1,
          "an age of the watermark")
    same(worker.sum("forkyard_partition_in_flight"), 1, "in flight")


# ---- readiness ------------------------------------------------------------


def guard_makes_unready(fleet):
    worker = Worker(fleet)
    worker.wait_ready()
    zombies = [subprocess.Popen(["true"]) for _ in range(ZOMBIES)]
    try:
        part = worker.wait_ready("guard", False)
        assert "guard.zombies" in part["reason"], part
        assert abs(part["since_unix_nano"] / 1e9 - time.time()) < 60, part
        same(worker.sum("forkyard_guard_tripped", figure="zombies"), 1)
        same(worker.sum("forkyard_worker_ready", part="guard"), 0)
        same(get(worker.base + "/healthz")[0], 200, "still alive")
    finally:
        for zombie in zombies:
            zombie.wait()
    worker.wait_ready()


def broker_of(fleet):
    for pid in children(fleet.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"broker" in words:
            return pid
    raise AssertionError("no broker among the children of dev")


def silent_broker_makes_unready(fleet):
    worker = Worker(fleet)
    worker.wait_ready()
    broker = broker_of(fleet)
    os.kill(broker, signal.SIGSTOP)
    try:
        part = worker.wait_ready("broker", False)
        assert part["reason"].startswith("no answer"), part
    finally:
        os.kill(broker, signal.SIGCONT)
    worker.wait_ready()


def dead_launcher_ends_and_comes_back(fleet):
    worker = Worker(fleet)
    pid = fleet.worker_pids()["dev-1"]
    os.kill(fleet.launcher_of(pid), signal.SIGKILL)

    def is_new():
        try:
            body = json.loads(get(worker.base + "/healthz")[2])
        except OSError:  # nobody listens: what a probe sees
            return False
        return body["pid"] != pid

    until(is_new, "another worker at the same address")
    worker.wait_ready()


def drain_makes_unready(fleet):
    worker = Worker(fleet)
    worker.wait_ready()
    fleet.submit([{"job_id": "drained", "language": "shell",
                   "code": "sleep 60"}])
    until(lambda: worker.sum("forkyard_jobs_running") == 1, "it runs")
    os.kill(fleet.worker_pids()["dev-1"], signal.SIGTERM)
    part = worker.wait_ready("worker", False)
    assert part["reason"].startswith("draining"), part


# ---- who asks -------------------------------------------------------------


def connect(base):
    host, port = base.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=DEADLINE_S)


def slow_talkers_hold_up_nobody(fleet):
    worker = Worker(fleet)
    slow = [connect(worker.base) for _ in range(40)]
    try:
        for s in slow:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")
        same(fleet.run(language="shell", code="echo here")["stdout"],
             b"here\n", "a job meanwhile")

        def all_closed():
            # They go on talking: an idle timeout alone would never end them.
            still = []
            for s in slow:
                s.setblocking(False)
                try:
                    s.send(b"x")
                    if s.recv(1) == b"":
                        continue
                except BlockingIOError:
                    pass
                except OSError:
                    continue
                still.append(s)
            return not still

        until(all_closed, "slow connections closed")
        same(get(worker.base + "/healthz")[0], 200, "afterwards")
    finally:
        for s in slow:
            s.close()


def other_requests_are_refused(fleet):
    base = Worker(fleet).base
    same(get(base + "/nothing")[0], 404)
    same(get(base + "/metrics", method="POST")[0], 405)
    same(get(base + "/metrics", method="DELETE")[0], 405)
    same(get(base + "/metrics", method="HEAD")[2], "")
    same(get(base + "/metrics?name=x")[0], 200)
    assert "/readyz" in get(base + "/")[2]
    status = get(base + "/" + "x" * 100000)[0]
    assert 400 <= status < 500, status
    for junk in (b"\0" * 5000, b"GET", b"\r\n\r\n" * 100,
                 b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" * 50):
        with connect(base) as s:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    fleet.is_well()


def taken_port_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "127.0.0.1:%d" % other.getsockname()[1]
        got = subprocess.run(
            [FORKYARD, "worker", "--brokers", "127.0.0.1:1", "--set",
             f"http.listen={address}"], capture_output=True, text=True,
            timeout=DEADLINE_S)
        same(got.returncode, 1, "exit status")
        for word in ("http.listen", address, "another process listens there",
                     "choose another port"):
            assert word in got.stderr, got.stderr
        told = subprocess.run(
            [FORKYARD, "check", "--set", f"http.listen={address}"],
            capture_output=True, text=True, timeout=DEADLINE_S)
        assert "another process listens there" in told.stdout, told.stdout


def each_worker_has_its_own(fleet):
    same(len(set(fleet.metrics.values())), 2, "addresses")
    for name in fleet.metrics:
        body = json.loads(get(Worker(fleet, name).base + "/healthz")[2])
        same(body["pid"], fleet.workers[name], f"pid of {name}")


def main():
    tap = Tap()
    tap.case("a taken port is told, with the remedy", taken_port_is_told)
    with Fleet(workers=1, slots=4, settings=SETTINGS) as fleet:
        for case in (counters_agree_with_the_topics,
                     both_formats_are_what_they_say,
                     other_requests_are_refused, slow_talkers_hold_up_nobody,
                     guard_makes_unready, silent_broker_makes_unready,
                     dead_launcher_ends_and_comes_back):
            tap.case(case.__name__.replace("_", " "), case, fleet)
    with Fleet(workers=2, slots=1, settings=SETTINGS) as fleet:
        tap.case("each worker has its own", each_worker_has_its_own, fleet)
    with Fleet(workers=1, slots=1, settings={
            **SETTINGS, "worker.drain_timeout": "2s"}) as fleet:
        tap.case("unfinished counts what is not taken",
                 unfinished_counts_what_is_not_taken, fleet)
    with Fleet(workers=1, slots=1, settings=SETTINGS) as fleet:
        tap.case("a drain makes unready", drain_makes_unready, fleet)
        fleet.kill()
    tap.done()


main()
