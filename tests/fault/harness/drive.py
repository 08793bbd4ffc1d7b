# SPDX-License-Identifier: MIT
"""One run of a scenario, from topics to what is left; and the brokers that
runs share."""

import os
import random
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

import kafka
from . import net
from .faults import FAULTS
from .history import Recorder
from .load import Load, plain
from .tails import Tails
from .workers import Workers

SESSION_MS = 4000
SETTLE_S = SESSION_MS / 1000 + 4  # until nobody feels a fault any more
PATIENCE_S = 45    # without a new result, before a run is given up
COMMIT_DEADLINE_S = 15
# Connections that a client has after a fault and had not before: of each of
# four clients to the node as it was first named, as a broker, as coordinator.
DESCRIPTORS_PER_NODE = 12
CLOCK = Path(kafka.ROOT) / "build" / "fault" / "clock.so"  # see ../clock.c

BROKER_SETTINGS = {
    "group.consumer.session.timeout.ms": SESSION_MS,
    "group.consumer.heartbeat.interval.ms": 500,
}


class Ground:
    """The brokers of the rows; the same for those that want the same."""

    def __init__(self):
        self.key = None
        self.kafka = None
        self.disk = None

    def get(self, row):
        key = row.nodes, row.disk_mb
        if self.kafka and self.key == key and self.kafka.is_running():
            return self.kafka
        self.close()
        self.key = key
        settings = dict(BROKER_SETTINGS)
        if row.disk_mb:
            self.disk = Path(tempfile.mkdtemp(
                prefix="disk.", dir=os.environ.get("TMPDIR", "/tmp")))
            net.run("mount", "-t", "tmpfs", "-o", f"size={row.disk_mb}m",
                    "none", str(self.disk))
            settings["log.dirs"] = self.disk / "data"
        self.kafka = net.spawned(kafka.Cluster, row.nodes, settings,
                                 host=net.HOST)
        return self.kafka

    def close(self):
        if self.kafka:
            self.kafka.stop()
            self.kafka = None
        if self.disk:
            net.run("umount", str(self.disk))
            self.disk.rmdir()
            self.disk = None


class Run:
    """Its parts are what faults.py works on."""

    count = 0

    def __init__(self, row, ground, history, seed=1, jobs=None, rate=None):
        Run.count += 1
        self.row = row
        self.seed = seed
        self.jobs = jobs or row.jobs
        self.rate = rate or row.rate
        self.prefix = f"f{os.getpid()}-{Run.count}."
        self.group = self.prefix + row.name
        self.errors = []
        self.directory = Path(tempfile.mkdtemp(
            prefix="run.", dir=os.environ.get("TMPDIR", "/tmp")))
        self.ground = ground
        self.kafka = ground.get(row)
        self.admin = AdminClient({"bootstrap.servers": self.kafka.brokers,
                                  "log_level": 0})
        self.recorder = Recorder(history)
        self.settle = SETTLE_S
        self.workers = self.tails = self.load = None
        self.wires = []
        self.brokers_busy = threading.Lock()

    def topic(self, name):
        return self.prefix + name

    # ---- faults

    def begin_fault(self, kind, **fields):
        fields = {"bound": self.row.bound_s, "settle": self.settle, **fields}
        return self.recorder.begin_fault(kind, **fields)

    def end_fault(self, number):
        self.recorder.end_fault(number)

    def fault(self, kind, **fields):
        fields = {"bound": self.row.bound_s, "settle": self.settle, **fields}
        return self.recorder.fault(kind, **fields)

    def delete_offsets(self):
        deadline = time.monotonic() + COMMIT_DEADLINE_S
        while True:
            said = self.kafka.tool(
                "consumer.group.ConsumerGroupCommand", "--delete-offsets",
                "--group", self.group, "--topic", self.topic("jobs.default"),
                check=False)
            if "Successful" in said or "successful" in said:
                return
            assert time.monotonic() < deadline, f"not deleted: {said}"

    def raise_partitions(self, topic, count):
        for future in self.admin.create_partitions(
                [NewPartitions(topic, count)]).values():
            future.result()

    def set_clock(self, worker, seconds):
        """By so much its clock is off; at once, it has the file mapped."""
        with open(self.clock_of(worker), "r+b") as f:
            f.write(struct.pack("=q", seconds))

    def clock_of(self, worker):
        return self.directory / f"{worker.name}.clock"

    # ---- what there is before the first job

    def make_topics(self):
        copies = self.row.nodes
        settings = {"min.insync.replicas": "2" if copies > 1 else "1"}
        rows = [("jobs.default", self.row.partitions, settings),
                ("results", 4, {**settings, **self.row.results}),
                ("audit", 2, settings), ("dead", 1, settings),
                ("output", 1, settings)]
        made = self.admin.create_topics(
            [NewTopic(self.topic(name), partitions, copies, config=config)
             for name, partitions, config in rows])
        for future in made.values():
            future.result()

    def drop_topics(self):
        made = self.admin.delete_topics(
            [self.topic(name) for name in
             ("jobs.default", "results", "audit", "dead", "output")])
        for future in made.values():
            try:
                future.result()
            except Exception:  # the broker is about to go as well
                return

    def settings(self):
        row = self.row
        classic = {"kafka.session.timeout.ms": SESSION_MS,
                   "kafka.heartbeat.interval.ms": 500}
        return {
            "worker.slots": row.slots, "worker.drain_timeout": "10s",
            "topics.prefix": self.prefix, "topics.group": self.group,
            "topics.queues": "default:1", "guard.enabled": "false",
            "events.telemetry": "false", "result.snapshots": "false",
            "kafka.group.protocol": row.protocol,
            **(classic if row.protocol == "classic" else {}),
            **row.settings,
        }

    def make_workers(self):
        self.workers = Workers(self.recorder, self.kafka.brokers,
                               self.settings(), self.row.workers, self.settle,
                               self.directory)
        self.directory.chmod(0o755)
        for worker in self.workers.all:
            if self.row.has_wires:
                worker.wire = net.Wire(worker.index + 1)
                self.wires.append(worker.wire)
            if self.row.has_clock:
                self.clock_of(worker).write_bytes(bytes(8))
                self.clock_of(worker).chmod(0o644)
                worker.environment = {
                    "LD_PRELOAD": str(CLOCK),
                    "FAULT_CLOCK": str(self.clock_of(worker))}

    def make_load(self, kind, count, rate, prefix, copies=1, may_send=None):
        return Load(self.recorder, self.kafka.brokers,
                    self.topic("jobs.default"), kind, count, rate, prefix,
                    copies, may_send)

    def is_keeping_up(self):
        """Fewer jobs wait than the row lets."""
        return len(self.load.acked) - len(self.tails.finished) - \
            len(self.tails.buried) < self.row.ahead

    # ---- the run

    def times(self):
        """How much longer than the brief one."""
        return max(1, round(self.jobs / self.row.jobs))

    def follow(self, index, plan):
        """One thread per plan: its faults, one after the other."""
        rnd = random.Random(f"{self.seed} {self.row.name} {index}")
        wait_s = plan.first
        count = 0
        try:
            while plan.every or count < self.times():
                if self.is_over(wait_s):
                    return
                FAULTS[plan.fault](self, rnd, **plan.args)
                count += 1
                wait_s = (plan.every or plan.first) * rnd.uniform(0.7, 1.3)
        except Exception as why:
            self.errors.append(f"{plan.fault}: {why!r}")

    def is_over(self, wait_s):
        """Waits so long, or until all is sent."""
        self.load.join(wait_s)
        return not self.load.is_alive()

    def wait_results(self, load):
        """Until all have come, or none comes any more."""
        missing = set(load.acked)
        count = len(missing)
        last = time.monotonic()
        while missing:
            self.tails.wait(lambda: False, 0.1)
            missing = {a for a in missing if a not in self.tails.finished
                       and a not in self.tails.buried}
            if len(missing) < count:
                count, last = len(missing), time.monotonic()
            elif time.monotonic() > last + PATIENCE_S:
                return

    def wait_commits(self):
        topic = self.topic("jobs.default")
        last = dict(self.load.last)
        for p, offset in self.warm.last.items():
            last.setdefault(p, offset)
        self.tails.wait(lambda: all(
            (self.tails.low.get((topic, p)) or 0) > offset
            for p, offset in last.items()), COMMIT_DEADLINE_S)

    def describe(self):
        row = self.row
        self.recorder.add(
            "run", scenario=row.name, seed=self.seed, nodes=row.nodes,
            workers=row.workers, slots=row.slots, partitions=row.partitions,
            protocol=row.protocol, jobs=self.jobs, rate=self.rate,
            allow=row.allow, stall=row.stall_s,
            faults_least=row.faults_least,
            clock="jumps" if row.has_clock else "one")

    def begin(self):
        self.describe()
        self.make_topics()
        self.tails = Tails(self.recorder, self.kafka.brokers,
                           {self.topic("results"): "results",
                            self.topic("dead"): "dead",
                            self.topic("audit"): "audit"}, self.group)
        self.tails.start()
        self.make_workers()
        self.workers.start()
        # Once through each slot, so that all is as it will be later.
        self.warm = self.make_load(plain, 4 * self.row.workers *
                                   self.row.slots, 200, "warm-")
        self.warm.run()
        self.wait_results(self.warm)
        self.workers.note_resources("before", 0)

    def go(self):
        self.load = self.make_load(
            self.row.kind, self.jobs, self.rate, "j-", self.row.copies,
            self.is_keeping_up if self.row.ahead else None)
        self.load.start()
        lanes = [threading.Thread(target=self.follow, args=(i, plan),
                                  daemon=True)
                 for i, plan in enumerate(self.row.plans)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        self.load.join()

    def end(self):
        for worker in self.workers.all:
            worker.wait_ready()
        self.wait_results(self.load)
        self.wait_commits()
        self.workers.note_resources("after",
                                    DESCRIPTORS_PER_NODE * self.row.nodes)
        self.workers.stop()
        self.workers.note_left()
        why = self.tails.read_to_end()
        self.tails.close()
        self.recorder.add("end", complete=not why and not self.errors,
                          why=why or "; ".join(self.errors))

    def execute(self):
        try:
            self.begin()
            self.go()
            self.end()
        finally:
            self.clear()

    def clear(self):
        if self.workers:
            for worker in self.workers.all:
                if worker.process and worker.process.poll() is None:
                    worker.stop(kill=True)
        for wire in self.wires:
            wire.close()
        if self.tails and self.tails.is_alive():
            self.tails.close()
        self.drop_topics()
        self.recorder.close()

    def keep_logs(self, directory):
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(self.directory, directory)
        for node in self.kafka.nodes.values():
            log = node.directory / "log"
            if log.exists():
                shutil.copy(log, directory / f"kafka-{node.number}.log")

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def missing(row):
    """Why the scenario cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root: namespaces, and limits of others' processes"
    for program in ("ip", "nsenter", "unshare"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if row.has_wires and subprocess.run(
            ["iptables", "-w", "-L", "-n"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "no iptables"
    if row.has_clock and not CLOCK.exists():
        return f"{CLOCK} was not built"
    return kafka.missing()
