# SPDX-License-Identifier: MIT
"""The table of scenarios. A row: what runs, what happens to it, what is
expected. Numbers are those of the brief run; --jobs makes one longer, and its
faults as many more."""

from dataclasses import dataclass, field

from . import load


@dataclass
class Plan:
    """A fault: when the first, how often then (± 30 %), and its arguments.
    Without `every` once, or as often as the run is longer."""
    fault: str
    first: float = 1.5
    every: float = 0
    args: dict = field(default_factory=dict)


@dataclass
class Row:
    name: str
    expected: str
    plans: list
    nodes: int = 1
    workers: int = 2
    slots: int = 4
    partitions: int = 8
    protocol: str = "consumer"
    kind: object = load.mixed
    jobs: int = 600
    rate: int = 100      # a second: fewer than the fleet can do
    ahead: int = 0       # or as many as keep so many waiting; 0: as they come
    copies: int = 1
    bound_s: float = 20  # from a fault's end to all finished that was accepted
    stall_s: float = 12  # without a result while jobs wait
    settings: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)  # settings of that topic
    allow: tuple = ()    # statuses that a fault may give any job
    disk_mb: int = 0     # of the broker, when it is to be small
    has_wires: bool = False
    has_clock: bool = False
    faults_least: int = 1
    is_brief: bool = True  # part of `make fault`


def plan(fault, first=1.5, every=0, **args):
    return Plan(fault, first, every, args)


KILLED = "all finished within session timeout + drain; no commit passes an " \
         "unfinished job; nothing left"

STORM = [plan("kill", 2, 6), plan("restart", 4, 14),
         plan("pause", 9, 45, seconds=7),
         plan("cut", 20, 60, way="any", seconds=7), plan("slow", 35, 120)]

ROWS = [
    Row("calm", "every job once, no hidden duplicate", [], faults_least=0,
        bound_s=5, stall_s=4),
    Row("kill-engine", KILLED,
        [plan("kill", 1, 1.5, whom="engine")], faults_least=3),
    Row("kill-launcher", KILLED,
        [plan("kill", 1, 1.5, whom="launcher")], faults_least=3),
    Row("kill-both", KILLED,
        [plan("kill", 1, 1.5, whom="both")], faults_least=3,
        protocol="classic"),
    Row("kill-assign", "killed while it gets partitions: as kill-engine",
        [plan("kill", 0.5, 1, point="assign")], faults_least=3, workers=3),
    Row("kill-revoke", "killed while it gives them back: as kill-engine",
        [plan("kill", 0.5, 1, point="revoke")], faults_least=3, workers=3),
    Row("zombie", "its commits are refused, what it ran on is a hidden "
        "duplicate, it joins again",
        [plan("pause", 1, 8, seconds=7)], workers=3),
    Row("zombie-classic", "as zombie, with the classic protocol",
        [plan("pause", 1, 8, seconds=7)], workers=3, protocol="classic"),
    Row("rolling-restart", "no job lost, exit status 0 of each",
        [plan("roll", 1, 5)], workers=3, faults_least=3),
    Row("rebalance-storm", "8 workers, 32 partitions: results never stop for "
        "long",
        [plan("kill", 1, 3), plan("restart", 1.5, 2.5),
         plan("restart", 2, 3.5)], workers=8, slots=2, partitions=32,
        jobs=1500, rate=120, faults_least=6),
    Row("broker-restart", "only latency", [plan("broker", 1.5, 10, how="end")],
        nodes=3, jobs=800),
    Row("broker-killed", "one of three: only latency",
        [plan("broker", 1.5, 10)], nodes=3, jobs=800),
    Row("broker-hangs", "SIGSTOP of one of three: as killed",
        [plan("broker", 1.5, 16, how="pause", down_s=8)], nodes=3, jobs=800,
        stall_s=25, bound_s=40),
    Row("coordinator-down", "running jobs go on; commits are tried again",
        [plan("broker", 1.5, 10, which="coordinator", down_s=4)], nodes=3,
        jobs=800),
    Row("all-brokers-down", "results wait in memory; the workers need no "
        "restart",
        [plan("broker", 1.5, 15, which="all", down_s=6)], nodes=3, jobs=800,
        stall_s=40, bound_s=40),
    Row("only-broker-killed", "as all-brokers-down",
        [plan("broker", 1.5, 10, which="all", down_s=3)], stall_s=25,
        bound_s=30),
    Row("min-isr", "results wait for the third copy, and no job is committed "
        "before",
        [plan("min-isr", 1.5, 10, down_s=5)], nodes=3,
        results={"min.insync.replicas": "3"}, stall_s=30, bound_s=30),
    Row("cut-off", "half-open, both ways: as zombie",
        [plan("cut", 1, 12, way="both", seconds=7)], workers=3,
        has_wires=True),
    Row("cut-in", "nothing reaches the worker: as zombie",
        [plan("cut", 1, 12, way="in", seconds=7)], workers=3, has_wires=True),
    Row("cut-out", "nothing comes from the worker: as zombie",
        [plan("cut", 1, 12, way="out", seconds=7)], workers=3,
        has_wires=True),
    Row("slow-network", "slower, nobody is thrown out of the group",
        [plan("slow", 1, 10, seconds=6)], has_wires=True, rate=50, jobs=400,
        stall_s=20, bound_s=30),
    Row("offsets-deleted", "from the beginning: what was finished runs again, "
        "hidden", [plan("forget", 2.5)], bound_s=30, stall_s=25),
    Row("metadata-damaged", "not believed: what was finished beyond the "
        "watermark runs again, hidden",
        [plan("damage", 3)], partitions=7, bound_s=30, stall_s=25),
    Row("more-partitions", "twice as many while jobs come: all are read",
        [plan("partitions", 1.5)], bound_s=30, settings={
            "kafka.topic.metadata.refresh.interval.ms": 2000}),
    Row("clock-jumps", "an hour to and fro, of one worker: nothing",
        [plan("clock", 1, 3)], jobs=1600, has_clock=True, faults_least=2),
    Row("disk-full", "of the broker: it ends; as only-broker-killed",
        [plan("disk-full", 2)], disk_mb=160, stall_s=40, bound_s=40),
    Row("few-files", "EMFILE in the engine: jobs may end internal_error, none "
        "is lost",
        [plan("few-files", 1, 3)], allow=("internal_error",)),
    Row("poison", "each in the dead letters, the jobs between them unharmed",
        [plan("kill", 2, 3)], kind=load.with_poison),
    Row("oversize", "over job.max_bytes: dead letters",
        [plan("kill", 2, 3)], kind=load.with_oversize,
        settings={"job.max_bytes": "64KiB"}),
    Row("duplicate-sends", "each sent three times: one visible result",
        [plan("kill", 1, 2)], copies=3, jobs=300, rate=40),
    Row("slow-reader", "nothing", [plan("slow-reader", 1, 10, seconds=5)],
        stall_s=12, bound_s=25),
    Row("storm", "all of it on three nodes, for long: no violation",
        [*STORM, plan("broker", 30, 90), plan("broker", 60, 150, how="end"),
         plan("broker", 75, 300, how="pause", down_s=8),
         plan("broker", 45, 400, which="coordinator", down_s=4),
         plan("broker", 100, 900, which="all", down_s=4)],
        nodes=3, workers=4, partitions=16, jobs=20000, rate=300, ahead=600,
        kind=load.stormy, settings={"job.max_bytes": "64KiB"},
        has_wires=True, stall_s=60, bound_s=90, faults_least=3,
        is_brief=False),
    Row("soak", "the same on one node, for longer: no violation",
        [*STORM, plan("broker", 70, 200, which="all"),
         plan("broker", 150, 200, which="all", how="end")],
        workers=4, partitions=16, jobs=20000, rate=500, ahead=4000,
        kind=load.stormy, settings={"job.max_bytes": "64KiB"},
        has_wires=True, stall_s=60, bound_s=90, faults_least=3,
        is_brief=False),
]

BY_NAME = {row.name: row for row in ROWS}
