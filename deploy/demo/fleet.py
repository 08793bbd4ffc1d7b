# SPDX-License-Identifier: MIT
"""fleet.py - `forkyard dev` as a child: started, stopped, nothing left.

Part of the demo. Never kills anything but the dev it started."""
import json
import os
import select
import signal
import subprocess
import tempfile
import time

READY_WITHIN_S = 40
STOPPED_WITHIN_S = 30
GONE_WITHIN_S = 2  # the kernel's own time to end what dev has killed


class Failure(Exception):
    pass


def environment(**more):
    """Ours without settings for Forkyard: the demo is the same everywhere,
    on a machine that has much else to do as well: no guard."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("FORKYARD_")}
    return {**kept, "FORKYARD_CONFIG": os.devnull,
            "FORKYARD_GUARD_ENABLED": "false", **more}


def check(program):
    """What `forkyard check` says of this host; it must have all we need."""
    try:
        done = subprocess.run([program, "check", "--json"], env=environment(),
                              capture_output=True, text=True)
        answer = json.loads(done.stdout)
    except OSError as error:
        raise Failure(f"{program}: {error.strerror}") from None
    except ValueError:
        raise Failure(f"check: exit code {done.returncode}\n"
                      f"{done.stderr.strip()}") from None
    if not answer["ok"]:
        rows = [f"  {row['name']}: {row['detail']}" for row in answer["host"]
                if row["required"] and not row["ok"]]
        raise Failure("this host cannot run boxes:\n" + "\n".join(rows))
    return answer


def cgroups_of(pids):
    """Directories below /sys/fs/cgroup that workers made: w<pid>-..."""
    return [os.path.join(parent, name)
            for parent, names, _ in os.walk("/sys/fs/cgroup")
            for name in names
            if name[:1] == "w" and name[1:].split("-")[0] in pids]


def descendants(root):
    """The processes below one, as (pid, name)."""
    children = {}
    names = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", errors="replace") as file:
                head, tail = file.read().rsplit(")", 1)
        except OSError:
            continue  # has ended meanwhile
        names[int(pid)] = head.split("(", 1)[1]
        children.setdefault(int(tail.split()[1]), []).append(int(pid))
    found = []
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            found.append((pid, names[pid]))
            waiting.append(pid)
    return found


class Fleet:
    """Public: kafka (address), ready (dev's whole answer), start_s, stop_s."""

    def __init__(self, program, folder):
        begin = time.monotonic()
        # Its temporary files go to a place of their own, so that leftovers
        # show. Short: sockets have paths of at most 107 bytes.
        self.folder = os.path.join(folder, "dev")
        os.mkdir(self.folder, 0o755)
        self.words = tempfile.TemporaryFile()
        # A session of its own: Ctrl-C is for us, and we tell dev once.
        self.dev = subprocess.Popen(
            [program, "dev", "--json", "--port", "0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.words,
            start_new_session=True, env=environment(TMPDIR=self.folder))
        try:
            self.ready = self._wait_ready()
        except BaseException:
            self.stop()
            raise
        self.kafka = self.ready["kafka"]
        self.start_s = time.monotonic() - begin

    def _said(self):
        self.words.seek(0)
        return self.words.read().decode(errors="replace").strip()

    def _wait_ready(self):
        readable, _, _ = select.select([self.dev.stdout], [], [],
                                       READY_WITHIN_S)
        line = self.dev.stdout.readline() if readable else b""
        if line:
            return json.loads(line)
        why = "ended" if readable else f"not ready in {READY_WITHIN_S} s"
        raise Failure(f"the fleet did not start: dev {why}\n{self._said()}")

    def _end_dev(self):
        """Its exit code, or None when it had to be killed."""
        self.dev.send_signal(signal.SIGTERM)
        try:
            return self.dev.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.dev.kill()
            self.dev.wait()
            return None

    def stop(self):
        """Stops everything; returns what was not as promised, in words."""
        begin = time.monotonic()
        # Descriptors, not numbers: a number may be somebody else's by then.
        held = []
        for pid, name in descendants(self.dev.pid):
            try:
                held.append((os.pidfd_open(pid), pid, name))
            except ProcessLookupError:
                pass
        code = self._end_dev()
        self.dev.stdout.close()
        problems = []
        if code is None:
            problems.append(f"dev did not stop in {STOPPED_WITHIN_S} s")
        elif code != 0:
            problems.append(f"dev ended with {code}\n{self._said()}")
        self.words.close()
        self.stop_s = time.monotonic() - begin
        problems += self._processes_left(held)
        files = [os.path.join(self.folder, name)
                 for name in os.listdir(self.folder)]
        files += cgroups_of({str(pid) for _, pid, _ in held})
        problems += [f"left behind: {path}" for path in files]
        return problems

    @staticmethod
    def _processes_left(held):
        problems = []
        deadline = time.monotonic() + GONE_WITHIN_S
        for fd, pid, name in held:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not poll.poll(left_ms):
                problems.append(f"still running: {name} ({pid})")
            os.close(fd)
        return problems
