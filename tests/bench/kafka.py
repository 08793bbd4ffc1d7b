#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Figures on a real broker, each beside its baseline of the same run.

    tests/bench/kafka.py [--only PHASE[,PHASE]] [--jobs 6000] [--backlog N]
                         [--out FILE]

Apache Kafka, one node, on this machine (`make kafka` fetches it), with the
worker, its boxes and the producers on the same cores: what is measured is the
share that each of them leaves to the others. Times of jobs and results are
those of their records, so that whoever reads them costs nothing. Nothing else
should run meanwhile.

phases:
  throughput  no-op jobs from a backlog, over 1, 8 and 64 partitions; baseline:
              boxed runs without Kafka. --backlog for a long one beside it
  latency     job against echo, in turns, at 30 % load; then with a job that
              runs for ten minutes in the same partition
  exactly_once  the same with topics.delivery: exactly-once, to without
  takeover    a worker is killed, or told to go, while jobs come all the time
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgpack
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import kafka  # noqa: E402
from fleet import FORKYARD, RECORD_END, KEY_END, kcat  # noqa: E402

NOOP = (ROOT / "build" / "bench" / "noop").read_bytes()
SESSION_S = 6
QUIET = {"guard.enabled": "false", "topics.queues": "default:1",
         "kafka.group.protocol": "consumer"}


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, baseline, note):
        ratio = value / baseline if baseline else None
        self.rows.append({"name": name, "value": round(value, 3), "unit": unit,
                          "baseline": round(baseline, 3),
                          "ratio": ratio and round(ratio, 3), "note": note})
        print(f"{name:34} {value:12.3f} {unit:5} baseline {baseline:10.3f}"
              f"  {note}", flush=True)


# ---- the place ----------------------------------------------------------------


class Place:
    """Topics and a group of their own."""

    count = 0

    def __init__(self, brokers, partitions, **settings):
        Place.count += 1
        self.brokers = brokers
        self.prefix = f"bench{Place.count}."
        self.directory = Path(tempfile.mkdtemp(prefix="bench."))
        self.processes = []
        self.settings = {"kafka.bootstrap.servers": brokers,
                         "topics.prefix": self.prefix,
                         "topics.group": self.prefix, **QUIET, **settings}
        wanted = yaml.safe_load(
            (ROOT / "broker-config" / "topics.yaml").read_text())
        for topic in wanted["topics"]:
            topic["partitions"] = \
                partitions if topic["name"] in ("jobs.*", "results") else 1
        path = self.directory / "topics.yaml"
        path.write_text(yaml.safe_dump(wanted))
        subprocess.run([FORKYARD, "topics", "apply", "--file", str(path),
                        *self.flags()], check=True, stdout=subprocess.DEVNULL)

    def flags(self, **more):
        return [word for name, value in {**self.settings, **more}.items()
                for word in ("--set", f"{name}={value}")]

    def start(self, command, **more):
        """Returns when it has partitions."""
        read, write = os.pipe()
        words = ["--ready-fd", str(write)] if command == "worker" else []
        process = subprocess.Popen(
            [FORKYARD, command, *words, *self.flags(**more)],
            stdin=subprocess.DEVNULL, pass_fds=[write],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.close(write)
        self.processes.append(process)
        ready = os.fdopen(read) if command == "worker" else process.stdout
        assert ready.readline(), f"{command} did not start"
        return process

    def send(self, jobs):
        """[(key, value)], by a kcat that ends."""
        subprocess.run(
            [*kcat(self.brokers, "-P", "-t", self.prefix + "jobs.default"),
             "-D", RECORD_END.decode(), "-K", KEY_END.decode(),
             "-X", "partitioner=murmur2_random"],
            input=b"".join(k + KEY_END + v + RECORD_END for k, v in jobs),
            check=True)

    def sender(self):
        """A kcat that takes records one by one."""
        process = subprocess.Popen(
            [*kcat(self.brokers, "-P", "-t", self.prefix + "jobs.default"),
             "-D", RECORD_END.decode(), "-K", KEY_END.decode(),
             "-X", "linger.ms=0", "-X", "partitioner=murmur2_random"],
            stdin=subprocess.PIPE)
        return process

    def times(self, topic):
        """{key: (ms, partition)} of the first record of each."""
        out = subprocess.run(
            [*kcat(self.brokers, "-C", "-e", "-t", self.prefix + topic,
                   "-o", "beginning", "-f", "%k %T %p\n")],
            stdout=subprocess.PIPE, check=True).stdout
        found = {}
        for line in out.decode().splitlines():
            key, ms, partition = line.split()
            found.setdefault(key, (int(ms), int(partition)))
        return found

    def wait(self, count, deadline_s):
        """Until so many results are there: by offsets, which cost little."""
        deadline = time.monotonic() + deadline_s
        while self.count_of("results") < count:
            assert time.monotonic() < deadline, \
                f"{self.count_of('results')} of {count} results"
            time.sleep(0.5)

    def count_of(self, topic):
        words = subprocess.run(
            ["kcat", "-b", self.brokers, "-q", "-Q",
             *(word for p in range(self.partitions(topic)) for word in
               ("-t", f"{self.prefix}{topic}:{p}:-1"))],
            stdout=subprocess.PIPE, check=True).stdout.decode()
        return sum(int(line.rsplit("offset", 1)[1])
                   for line in words.splitlines() if "offset" in line)

    def partitions(self, topic):
        if not hasattr(self, "known"):
            self.known = {}
        if topic not in self.known:
            listing = json.loads(subprocess.run(
                ["kcat", "-b", self.brokers, "-J", "-L",
                 "-t", self.prefix + topic],
                stdout=subprocess.PIPE, check=True).stdout)
            self.known[topic] = len(listing["topics"][0]["partitions"])
        return self.known[topic]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def job(job_id, **more):
    return job_id.encode(), msgpack.packb(
        {"job_id": job_id, "language": "binary", "code": NOOP, **more})


def cpu_ms(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def anonymous_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


# ---- throughput -----------------------------------------------------------------


def boxes_per_s():
    """Without Kafka: the better of two and four at a time. Once per run."""
    if not hasattr(boxes_per_s, "known"):
        out = subprocess.run(
            [FORKYARD, "bench", "--only", "box", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            check=True).stdout
        boxes_per_s.known = max(row["value"] for row in json.loads(out)
                                if row["name"].startswith("box_parallel_")
                                and row["unit"] == "1/s")
    return boxes_per_s.known


def drain(brokers, partitions, jobs, **settings):
    """(jobs a second, µs of the engine's CPU per job, anonymous KB)."""
    with Place(brokers, partitions, **settings) as place:
        place.send([job(f"j{n}") for n in range(jobs)])
        worker = place.start("worker")
        before, at = cpu_ms(worker.pid), place.count_of("results")
        place.wait(jobs, 60 + jobs / 50)
        engine_us = (cpu_ms(worker.pid) - before) * 1000 / (jobs - at)
        memory = anonymous_kb(worker.pid)
        ends = sorted(ms for ms, _ in place.times("results").values())
        middle = ends[len(ends) // 10:]  # warm
        rate = (len(middle) - 1) * 1000 / (middle[-1] - middle[0])
    return rate, engine_us, memory


def throughput(brokers, figures, args):
    base = boxes_per_s()
    rates = {}
    for partitions in (1, 8, 64):
        rate, engine_us, memory = drain(brokers, partitions, args.jobs)
        rates[partitions] = rate
        figures.add(f"kafka_jobs_per_s_{partitions}", rate, "1/s", base,
                    f"{args.jobs} no-op jobs in {partitions} partition(s); "
                    f"baseline: boxed runs without Kafka; "
                    f"{memory} KB anonymous")
        if partitions == 8:
            figures.add("engine_cpu_us_per_job", engine_us, "us", 150,
                        "all threads of the engine; baseline: what is wanted")
    figures.add("kafka_throughput_ratio", rates[8] / base, "x", 0.5,
                "wanted: at least the baseline")
    figures.add("kafka_partitions_flat", min(rates.values()) /
                max(rates.values()), "x", 1, "slowest to fastest of these")
    if args.backlog:
        rate, _, memory = drain(brokers, 8, args.backlog)
        figures.add("kafka_backlog_flat", rate / rates[8], "x", 1,
                    f"a backlog of {args.backlog} to one of {args.jobs}; "
                    f"{memory} KB anonymous")


# ---- latency --------------------------------------------------------------------


def feed(place, per_s, seconds, name):
    """Jobs at equal distances; their ids."""
    sender = place.sender()
    ids = [f"{name}{n}" for n in range(int(per_s * seconds))]
    begin = time.monotonic()
    for n, job_id in enumerate(ids):
        rest = begin + n / per_s - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        key, value = job(job_id)
        sender.stdin.write(key + KEY_END + value + RECORD_END)
        sender.stdin.flush()
    sender.stdin.close()
    sender.wait()
    return ids


def waits(place, ids):
    """ms from each job's record to its result's."""
    sent, got = place.times("jobs.default"), place.times("results")
    return [got[i][0] - sent[i][0] for i in ids]


def of(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def latency(brokers, figures, args):
    load = args.load or 0.3 * boxes_per_s() / 2
    results = {"echo": [], "job": [], "beside": []}
    with Place(brokers, 1) as echo, Place(brokers, 1) as place, \
            Place(brokers, 1) as beside:
        echo.start("bench-echo")
        place.start("worker")
        beside.start("worker")
        beside.send([job("long", language="shell", code="sleep 600",
                         limits={"wall_time_ms": 700000})])
        for turn in range(args.turns):
            for name, where in (("echo", echo), ("job", place),
                                ("beside", beside)):
                ids = feed(where, load, 5, f"{name}{turn}-")
                results[name].append((where, ids))
                time.sleep(1)
        ms = {name: [w for where, ids in runs for w in waits(where, ids)]
              for name, runs in results.items()}
    echo50, echo99 = of(ms["echo"], 50), of(ms["echo"], 99)
    note = f"{load:.0f} jobs/s, {len(ms['job'])} samples"
    figures.add("kafka_job_over_echo_p50_ms", of(ms["job"], 50) - echo50, "ms",
                3, f"{note}; echo: {echo50} ms; baseline: what is wanted")
    figures.add("kafka_job_over_echo_p99_ms", of(ms["job"], 99) - echo99, "ms",
                10, f"echo: {echo99} ms; baseline: what is wanted")
    figures.add("kafka_beside_long_p50_ms", of(ms["beside"], 50), "ms",
                of(ms["job"], 50), "the same with a job of ten minutes in the "
                "same partition; baseline: without")
    figures.add("kafka_beside_long_p99_ms", of(ms["beside"], 99), "ms",
                of(ms["job"], 99), "")


# ---- takeover -------------------------------------------------------------------


def gap(brokers, number, protocol):
    """The longest time without a result in any partition after the signal, in
    seconds."""
    settings = {"kafka.group.protocol": protocol}
    if protocol == "classic":
        settings["kafka.session.timeout.ms"] = SESSION_S * 1000
        settings["kafka.heartbeat.interval.ms"] = 1000
    with Place(brokers, 8, **settings) as place:
        place.start("worker")
        first = place.start("worker")
        time.sleep(8)
        sender = threading.Thread(
            target=feed, args=(place, 80, 20, "t"), daemon=True)
        sender.start()
        time.sleep(6)
        at_ms = time.time() * 1000
        first.send_signal(number)
        sender.join()
        time.sleep(SESSION_S + 4)
        sent, got = place.times("jobs.default"), place.times("results")
        assert set(sent) == set(got), f"{len(got)} of {len(sent)} results"
        worst = max(got[i][0] - max(sent[i][0], at_ms) for i in sent
                    if got[i][0] > at_ms)
    return worst / 1000


def takeover(brokers, figures, _):
    for protocol in ("classic", "consumer"):
        figures.add(f"takeover_kill_{protocol}_s",
                    gap(brokers, signal.SIGKILL, protocol), "s",
                    SESSION_S + 2, "kill -9; the longest wait of any job; "
                    "baseline: session timeout + 2 s")
        figures.add(f"takeover_term_{protocol}_s",
                    gap(brokers, signal.SIGTERM, protocol), "s", 1,
                    "SIGTERM; baseline: what is wanted")


def exactly_once(brokers, figures, args):
    """In turns: the machine is noisy."""
    rates = {"at-least-once": [], "exactly-once": []}
    for _ in range(3):
        for delivery, found in rates.items():
            found.append(drain(brokers, 8, args.jobs,
                               **{"topics.delivery": delivery})[0])
    plain, exact = (statistics.median(found) for found in rates.values())
    figures.add("exactly_once_jobs_per_s", exact, "1/s", plain,
                "transactions 100 ms apart; baseline: at least once; medians "
                "of three turns")
    figures.add("exactly_once_ratio", exact / plain, "x", 0.8,
                "wanted: at least the baseline")


PHASES = {"throughput": throughput, "latency": latency, "takeover": takeover,
          "exactly_once": exactly_once}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(PHASES))
    parser.add_argument("--jobs", type=int, default=6000)
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--load", type=float, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if not kafka.place():
        sys.exit(f"bench: {kafka.missing()}")
    figures = Figures()
    with kafka.Cluster(settings={
            "group.consumer.session.timeout.ms": SESSION_S * 1000,
            "group.consumer.heartbeat.interval.ms": 1000}) as cluster:
        for name in args.only.split(","):
            PHASES[name](cluster.brokers, figures, args)
    if args.out:
        args.out.write_text(json.dumps({"figures": figures.rows}, indent=2))


main()
