# SPDX-License-Identifier: MIT
"""The faults. Each is a function of the run, a random generator of its own
and its arguments; it returns when the fault is over, and its begin and end are
in the history. FAULTS, at the end, is the table of them."""

import base64
import contextlib
import signal
import subprocess
import time
import zlib

from fleet import children
from . import protocol
from .net import spawned
from .workers import send

EVENT_DEADLINE_S = 3
BROKER_DEADLINE_S = 60
EMPTY_DEADLINE_S = 30


@contextlib.contextmanager
def one_worker(run, rnd):
    """Any that is ready and has no other fault; None when there is none."""
    free = [w for w in run.workers.all if w.ready.is_set()]
    rnd.shuffle(free)
    for worker in free:
        if worker.busy.acquire(blocking=False):
            try:
                yield worker
            finally:
                worker.busy.release()
            return
    yield None


# ---- workers ---------------------------------------------------------------


def wait_point(run, rnd, point):
    """The moment that is named, and a little more, at random."""
    tails = run.tails
    before = tails.started, len(tails.finished)
    if point == "start":
        tails.wait(lambda: tails.started > before[0], EVENT_DEADLINE_S)
    elif point == "result":
        tails.wait(lambda: len(tails.finished) > before[1], EVENT_DEADLINE_S)
    time.sleep(rnd.random() * 0.05)


def kill(run, rnd, whom="any", point="any"):
    """SIGKILL: engine, launcher or both; then it is started again."""
    point = rnd.choice(["start", "result", "assign", "revoke", "commit"]) \
        if point == "any" else point
    whom = rnd.choice(["engine", "launcher", "both"]) if whom == "any" \
        else whom
    with one_worker(run, rnd) as worker:
        if not worker:
            return
        worker.delay_s = rnd.random() * 1.5
        wait_point(run, rnd, point)
        if point == "commit":  # four a second
            time.sleep(rnd.random() * 0.25)
        with run.fault("kill", whom=whom, point=point, worker=worker.name):
            if point == "revoke":  # it gives its partitions back, and dies
                worker.ask_to_end()
                time.sleep(rnd.random() * 0.1)
            worker.kill(whom)
        if point == "assign":
            # Again, somewhere between its start and its first job.
            deadline = time.monotonic() + EVENT_DEADLINE_S
            while worker.is_dead.is_set() and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(rnd.random())
            with run.fault("kill", whom="both", point=point,
                           worker=worker.name):
                worker.launcher = (children(worker.process.pid) or [None])[0]
                worker.kill("both")


def pause(run, rnd, seconds=4, whom="both"):
    """SIGSTOP until the group has given its partitions to others, SIGCONT."""
    with one_worker(run, rnd) as worker:
        if not worker:
            return
        pids = [worker.process.pid]
        if whom == "both":
            pids.append(worker.launcher)
        with run.fault("pause", worker=worker.name, seconds=seconds,
                       zombies=[worker.name]):
            for pid in pids:
                send(pid, signal.SIGSTOP)
            time.sleep(seconds)
            for pid in pids:
                send(pid, signal.SIGCONT)


def restart(run, rnd):
    """SIGTERM; started again when it has ended."""
    with one_worker(run, rnd) as worker:
        if worker:
            restart_one(run, worker)


def restart_one(run, worker):
    with run.fault("restart", worker=worker.name):
        worker.delay_s = 0
        worker.ask_to_end()
        worker.is_dead.wait(EVENT_DEADLINE_S * 5)
    worker.wait_ready()


def roll(run, _rnd):
    """All, one after the other."""
    for worker in run.workers.all:
        with worker.busy:
            restart_one(run, worker)


def limit_files(pid, soft):
    """As the worker's own user, who may without any capability."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        ids = {line.split()[0]: line.split()[1] for line in f
               if line[:4] in ("Uid:", "Gid:")}
    subprocess.run(
        ["setpriv", "--reuid", ids["Uid:"], "--regid", ids["Gid:"],
         "--clear-groups", "prlimit", "--pid", str(pid),
         f"--nofile={soft}:"], check=True, stdin=subprocess.DEVNULL)


def files_of(pid):
    """How many it may open; the engine made that all it can get."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        return next(line.split()[4] for line in f
                    if line.startswith("Max open files"))


def few_files(run, rnd, seconds=2, spare=0):
    """No descriptor more than it has, EMFILE."""
    with one_worker(run, rnd) as worker:
        if not worker:
            return
        pid = worker.process.pid
        before = files_of(pid)
        most = worker.descriptors()["engine"] + spare
        with run.fault("few-files", worker=worker.name, most=most):
            limit_files(pid, most)
            time.sleep(seconds)
            limit_files(pid, before)


def clock(run, rnd, jump_s=3600, seconds=6):
    """The worker's clock of the day jumps, and back later than the group
    would wait for it; no other clock does."""
    with one_worker(run, rnd) as worker:
        if not worker:
            return
        jump_s *= rnd.choice([-1, 1])
        with run.fault("clock", worker=worker.name, jump_s=jump_s):
            run.set_clock(worker, jump_s)
            time.sleep(seconds)
            run.set_clock(worker, 0)


# ---- network ---------------------------------------------------------------


def cut(run, rnd, seconds=4, way="both"):
    """Nothing reaches the worker, or nothing comes from it, or both; whoever
    waits for an answer is not told."""
    way = rnd.choice(["in", "out", "both"]) if way == "any" else way
    with one_worker(run, rnd) as worker:
        if not worker:
            return
        with run.fault("cut", worker=worker.name, way=way,
                       zombies=[worker.name]):
            worker.wire.cut(way)
            time.sleep(seconds)
            worker.wire.mend(way)


def slow(run, _rnd, seconds=5):
    """The network of every worker. Under load a heartbeat may come too late
    for the group, which the worker then hears of late as well."""
    with run.fault("slow", zombies=[w.name for w in run.workers.all]):
        how = [w.wire.slow() for w in run.workers.all]
        run.recorder.add("note", what="slow network by " + how[0])
        time.sleep(seconds)
        for worker in run.workers.all:
            worker.wire.quick()


# ---- brokers ---------------------------------------------------------------


def leader_of_group(run):
    """The node that coordinates it: leader of a partition that the group's
    name chooses, by Java's hash."""
    topic = run.tails.consumer.list_topics(
        "__consumer_offsets", timeout=10).topics["__consumer_offsets"]
    value = 0
    for char in run.group:
        value = (value * 31 + ord(char)) & 0xffffffff
    return topic.partitions[(value & 0x7fffffff)
                            % len(topic.partitions)].leader


def broker(run, rnd, which="one", how="kill", down_s=2):
    """kill, end (SIGTERM) or pause of one node, of the group's coordinator,
    or of all; started again after a while. One such fault at a time."""
    with run.brokers_busy:
        nodes = sorted(run.kafka.nodes)
        if which == "one":
            nodes = [rnd.choice(nodes)]
        elif which == "coordinator":
            nodes = [leader_of_group(run)]
        with run.fault("broker-" + how, nodes=nodes):
            stop_for(run, nodes, how, down_s)


def stop_for(run, nodes, how, down_s):
    if how == "pause":
        run.kafka.pause(*nodes)
        time.sleep(down_s)
        run.kafka.resume(*nodes)
        return
    (run.kafka.kill if how == "kill" else run.kafka.end)(*nodes)
    time.sleep(down_s)
    spawned(run.kafka.start, *nodes)


def too_few_copies(run, rnd, down_s=3):
    """Results must be on three nodes here, and there are two."""
    node = rnd.choice(sorted(run.kafka.nodes))
    with run.fault("min-isr", node=node):
        run.kafka.kill(node)
        time.sleep(down_s)
        spawned(run.kafka.start, node)


def disk_full(run, _rnd, full_s=1):
    """The broker's disk, to the last byte; it ends, and is started again when
    there is room."""
    ballast = run.ground.disk / "ballast"
    node = run.kafka.nodes[1]
    with run.fault("disk-full"):
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"],
                       stderr=subprocess.DEVNULL, check=False)
        try:
            node.process.wait(BROKER_DEADLINE_S / 2)
            run.recorder.add("note", what="the broker ended by itself")
        except subprocess.TimeoutExpired:
            run.recorder.add("note", what="the broker had to be killed")
            node.signal(signal.SIGKILL)
        node.wait_ended()
        time.sleep(full_s)
        ballast.unlink()
        spawned(run.kafka.start, 1)


def more_partitions(run, _rnd, factor=2):
    """Of the jobs' topic, while jobs come."""
    with run.fault("partitions", factor=factor):
        run.raise_partitions(run.topic("jobs.default"),
                             run.row.partitions * factor)


# ---- the group's offsets ---------------------------------------------------


def with_workers_stopped(run, action, kill=False):
    """A group's offsets can only be written while it is empty."""
    for worker in run.workers.all:
        worker.busy.acquire()
    run.workers.stop(kill)
    try:
        action()
    finally:
        for worker in run.workers.all:
            worker.start(is_fault=True)
            worker.busy.release()
    for worker in run.workers.all:
        worker.wait_ready()


def forget(run, _rnd):
    """The group's offsets are deleted."""
    with run.fault("forget", forgets=True):
        with_workers_stopped(run, run.delete_offsets)


def damaged(rnd, low, n):
    """Metadata that nobody may believe, of several kinds in turn."""
    raw = bytes([1, *varint(low), 0, 0, 0, 5])  # five finished, well made
    crc = zlib.crc32(raw).to_bytes(4, "big")
    good = "fy1." + base64.b64encode(raw + crc).decode()
    other = bytes([1, *varint(low + 3), 0, 0, 0, 5])
    kinds = [
        good[:-3],
        good[:8] + ("A" if good[8] != "A" else "B") + good[9:],
        "fy9." + good[4:],
        "fy1." + base64.b64encode(
            other + zlib.crc32(other).to_bytes(4, "big")).decode(),
        "x" * 4000,
        "{\"owner\": \"somebody else\"}",
        "fy1." + "".join(rnd.choice("ABCD") for _ in range(400)),
    ]
    return kinds[n % len(kinds)]


def varint(value):
    raw = []
    while value > 127:
        raw.append(value & 127 | 128)
        value >>= 7
    return [*raw, value]


def damage(run, rnd):
    """What is committed stays, its metadata does not."""
    topic = run.topic("jobs.default")

    def forge():
        run.tails.read_to_end()
        low = {p: (offset, damaged(rnd, offset, p))
               for (name, p), offset in run.tails.low.items()
               if name == topic and offset is not None}
        number = run.begin_fault("damage", forgets=True, forged=[
            [topic, p, *row] for p, row in low.items()])
        deadline = time.monotonic() + EMPTY_DEADLINE_S
        while True:  # until the group has noticed that all are dead
            node = run.kafka.nodes[leader_of_group(run)]
            errors = protocol.commit(node.address, run.group, topic, low)
            if not any(errors.values()) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert not any(errors.values()), f"not written: {errors}"
        run.end_fault(number)

    with run.fault("stop-all", forgets=True):
        with_workers_stopped(run, forge, kill=True)


# ---- readers ---------------------------------------------------------------


def slow_reader(run, _rnd, seconds=4):
    """Whoever reads the results does not, for a while."""
    with run.fault("slow-reader"):
        run.tails.reading.clear()
        time.sleep(seconds)
        run.tails.reading.set()


FAULTS = {
    "kill": kill,
    "pause": pause,
    "restart": restart,
    "roll": roll,
    "few-files": few_files,
    "clock": clock,
    "cut": cut,
    "slow": slow,
    "broker": broker,
    "min-isr": too_few_copies,
    "disk-full": disk_full,
    "partitions": more_partitions,
    "forget": forget,
    "damage": damage,
    "slow-reader": slow_reader,
}
