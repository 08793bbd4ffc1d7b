# SPDX-License-Identifier: MIT
"""`forkyard worker` processes, started again when they end, as a service
manager would; what they do goes into the history."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from fleet import (FORKYARD, cgroup_directories, children, family,
                   processes_of_uids)
from .net import die_with_parent, spawned

READY_DEADLINE_S = 30
END_DEADLINE_S = 40
AGAIN_S = 0.3
UIDS_EACH = 64
UID_FIRST = 1700000000 + os.getpid() % 4000 * 16 * UIDS_EACH


class Worker:
    """One place in the fleet: a name, and the process that has it now."""

    def __init__(self, fleet, index):
        self.fleet = fleet
        self.name = f"w{index + 1}"
        self.index = index
        self.wire = None       # a network of its own
        self.environment = {}
        self.process = None
        self.launcher = None
        self.asked = "none"    # why it ends, when it does
        self.is_wanted = False
        self.delay_s = AGAIN_S
        self.ready = threading.Event()
        self.is_dead = threading.Event()
        self.joining = None    # the fault of a start while others work
        self.busy = threading.Lock()  # one fault at a time

    def command(self):
        words = [str(FORKYARD), "worker", "--brokers", self.fleet.brokers]
        for name, value in self.fleet.settings.items():
            words += ["--set", f"{name}={value}"]
        return words + [
            "--set", f"worker.id={self.name}", "--set",
            f"box.uid_base={UID_FIRST + self.index * UIDS_EACH}"]

    def start(self, is_fault=False):
        self.is_wanted = True
        self.asked = "none"
        self.ready.clear()
        self.is_dead.clear()
        out, into = os.pipe()
        words = self.command() + ["--ready-fd", str(into)]
        if self.wire:
            words = self.wire.inside(*words)
        if is_fault:
            self.joining = self.fleet.recorder.begin_fault(
                "join", worker=self.name, settle=self.fleet.settle)
        with open(self.fleet.directory / f"{self.name}.log", "ab") as log:
            self.process = spawned(
                subprocess.Popen, words, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, pass_fds=[into], preexec_fn=die_with_parent,
                env={**os.environ, **self.environment})
        os.close(into)
        self.fleet.recorder.add("spawn", worker=self.name,
                                pid=self.process.pid)
        self.fleet.pids.add(self.process.pid)
        for target, args in ((self.hear, (out,)), (self.watch, ())):
            threading.Thread(target=target, args=(self.process, *args),
                             daemon=True).start()

    def hear(self, process, out):
        with open(out, encoding="utf-8") as lines:
            line = lines.readline()
        if line and process is self.process:
            json.loads(line)
            found = children(process.pid)
            self.launcher = found[0] if found else None
            self.fleet.pids.update(found)
            self.ready.set()
        self.end_joining()

    def end_joining(self):
        number, self.joining = self.joining, None
        if number:
            self.fleet.recorder.end_fault(number)

    def watch(self, process):
        code = process.wait()
        self.fleet.recorder.add("exit", worker=self.name, pid=process.pid,
                                code=code, asked=self.asked)
        self.ready.clear()
        self.is_dead.set()
        if self.is_wanted:
            time.sleep(self.delay_s)
            # Meanwhile the fleet may have been told to stop.
            with self.fleet.lock:
                if self.is_wanted:
                    self.start(is_fault=True)

    # ---- what faults do

    def kill(self, whom):
        """engine, launcher or both; returns when the engine is dead."""
        self.asked = "kill"
        process, launcher = self.process, self.launcher
        if whom in ("launcher", "both") and launcher:
            send(launcher, signal.SIGKILL)
        if whom in ("engine", "both"):
            send(process.pid, signal.SIGKILL)
        self.is_dead.wait(END_DEADLINE_S)

    def ask_to_end(self):
        self.asked = "term"
        send(self.process.pid, signal.SIGTERM)

    def wait_ready(self, deadline_s=READY_DEADLINE_S):
        return self.ready.wait(deadline_s)

    def stop(self, kill=False):
        """Until it is started again."""
        with self.fleet.lock:
            self.is_wanted = False
        if self.process.poll() is None:
            if kill:
                self.kill("both")
            else:
                self.ask_to_end()

    def descriptors(self):
        return {"engine": descriptors_of(self.process.pid),
                "launcher": descriptors_of(self.launcher)}


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def descriptors_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, TypeError):
        return 0


class Workers:
    def __init__(self, recorder, brokers, settings, count, settle, directory):
        self.recorder = recorder
        self.brokers = brokers
        self.settings = settings
        self.settle = settle
        self.directory = Path(directory)
        self.lock = threading.Lock()
        self.pids = set()  # of all engines and launchers there ever were
        self.cgroups_before = cgroup_directories()
        self.all = [Worker(self, i) for i in range(count)]

    def start(self):
        for worker in self.all:
            worker.start()
        late = [w.name for w in self.all if not w.wait_ready()]
        assert not late, f"not ready: {late}: {self.words(late[0])}"

    def words(self, name):
        return (self.directory / f"{name}.log").read_text(
            errors="replace")[-1000:]

    def note_resources(self, when, slack):
        for worker in self.all:
            if worker.ready.is_set():
                self.recorder.add("resources", when=when, worker=worker.name,
                                  pid=worker.process.pid, slack=slack,
                                  fds=worker.descriptors())

    def stop(self, kill=False):
        """All, by SIGTERM; those that do not are killed, and it shows."""
        for worker in self.all:
            self.pids.update(family(worker.process.pid))
            worker.stop(kill)
        deadline = time.monotonic() + END_DEADLINE_S
        for worker in self.all:
            if not worker.is_dead.wait(max(deadline - time.monotonic(), 0)):
                worker.asked = "none"
                send(worker.process.pid, signal.SIGKILL)
                worker.is_dead.wait(END_DEADLINE_S)
            worker.end_joining()

    def note_left(self, deadline_s=5):
        """What is left, once the kernel had time to take it away."""
        deadline = time.monotonic() + deadline_s
        while True:
            processes = processes_of_uids(UID_FIRST,
                                          len(self.all) * UIDS_EACH)
            processes += [pid for pid in self.pids if is_ours(pid)]
            cgroups = [d for d in cgroup_directories() - self.cgroups_before
                       if any(f"/w{pid}-" in d for pid in self.pids)]
            if not processes + cgroups or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.recorder.add("left", processes=processes, cgroups=cgroups)


def is_ours(pid):
    """Is it alive, and not another one with that number?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8",
                  errors="replace") as f:
            name, _, rest = f.read().partition("(")[2].rpartition(")")
    except OSError:
        return False
    return rest.split()[0] not in "ZX" and \
        (name.startswith("fy-") or name in ("forkyard", "box-init"))
