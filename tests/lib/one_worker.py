# SPDX-License-Identifier: MIT
"""One `forkyard worker`, and the command line, with settings from a file of
their own: for tests where what it says, and how it fares, is the point.

    with Worker("kafka-1:9092", {"kafka.sasl.username": "fleet"}) as worker:
        worker.wait_words("partitions assigned")
        worker.wait_part("broker", True)
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import yaml

from fleet import (DEADLINE_S, FORKYARD, ROOT, TMPDIR, children, family,
                   wait_dead)

LOOK_S = 0.1  # between two looks at a health page, which tells nobody


def settings_file(name, settings):
    """Readable by its owner only, as one with secrets should be."""
    path = Path(TMPDIR) / f"{name}.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(settings))
    return path


def forkyard(words, settings, deadline_s=DEADLINE_S, data=b"", name="cli"):
    """(exit code, stdout, stderr) of a command with these settings."""
    done = subprocess.run(
        [FORKYARD, *words, "--config", str(settings_file(name, settings))],
        input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=deadline_s, check=False)
    return (done.returncode, done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"))


def until(is_so, what, deadline_s=DEADLINE_S):
    """For figures, which tell nobody that they change."""
    deadline = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < deadline, f"not after {deadline_s} s: {what}"
        time.sleep(LOOK_S)


def make_topics(brokers, partitions=2, change=None, settings=None):
    """All of ours. change: {topic: {setting: value}}"""
    wanted = yaml.safe_load(
        (ROOT / "broker-config" / "topics.yaml").read_text())
    for topic in wanted["topics"]:
        topic["partitions"] = partitions
        topic["config"].update((change or {}).get(topic["name"], {}))
    path = Path(TMPDIR) / "topics.yaml"
    path.write_text(yaml.safe_dump(wanted))
    code, _, err = forkyard(["topics", "apply", "--file", str(path)],
                            {"kafka.bootstrap.servers": brokers,
                             **(settings or {})})
    assert code == 0, err


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(self.path)


class Worker:
    count = 0

    def __init__(self, brokers, settings, env=None):
        Worker.count += 1
        name = f"w{Worker.count}"
        self.page = str(Path(TMPDIR) / "http" / name)
        Path(self.page).parent.mkdir(exist_ok=True)
        Path(self.page).parent.chmod(0o777)  # it listens as nobody
        self.lines = []
        self.changed = threading.Condition()
        path = settings_file(name, {
            "kafka.bootstrap.servers": brokers, "worker.id": name,
            "worker.slots": 2, "http.listen": f"unix:{self.page}",
            "box.uid_base": 1100000000 + os.getpid() % 40000 * 8192,
            **settings})
        self.process = subprocess.Popen(
            [FORKYARD, "worker", "--config", str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    # ---- what it says

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.decode(errors="replace"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def words(self):
        with self.changed:
            return "".join(line for line in self.lines if line)

    def said(self, *texts):
        """The lines that have all of these in them."""
        with self.changed:
            return [line for line in self.lines
                    if line and all(text in line for text in texts)]

    def wait_words(self, *texts, times=1, deadline_s=DEADLINE_S):
        def is_over():
            return len(self.said(*texts)) >= times or None in self.lines

        with self.changed:
            self.changed.wait_for(is_over, deadline_s)
        found = self.said(*texts)
        if len(found) < times:
            raise AssertionError(f"the worker did not say {texts} {times} "
                                 f"times: {self.words()[-3000:]}")
        return found[-1]

    # ---- how it fares

    def get(self, path):
        page = Unix(self.page)
        try:
            page.request("GET", path)
            answer = page.getresponse()
            return answer.status, answer.read().decode()
        finally:
            page.close()

    def wait_part(self, part, is_ready, *texts, deadline_s=DEADLINE_S):
        """Until this part of /readyz says so, with all of these words."""
        deadline = time.monotonic() + deadline_s
        last = "no answer"
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"ended: {self.words()}"
            try:
                status, body = self.get("/readyz")
                last = json.loads(body)["parts"][part]
                if last["ready"] is is_ready and \
                        all(text in last["reason"] for text in texts):
                    assert is_ready or status == 503, f"status {status}"
                    return last["reason"]
            except OSError as why:  # not listening yet
                last = why
            time.sleep(LOOK_S)
        raise AssertionError(f"{part} of /readyz is {last}, wanted {is_ready} "
                             f"{texts}; {self.words()[-2000:]}")

    def metric(self, name, **labels):
        """The sample with these labels; None when there is none."""
        for line in self.get("/metrics")[1].splitlines():
            match = re.fullmatch(r"(\w+)(?:{(.*)})? (\S+)", line)
            if match and match.group(1) == name:
                found = dict(re.findall(r'(\w+)="([^"]*)"',
                                        match.group(2) or ""))
                if found == {k: str(v) for k, v in labels.items()}:
                    return float(match.group(3))
        return None

    # ---- the end

    def stop(self, deadline_s=DEADLINE_S):
        """SIGTERM; the exit code. Nothing of it is left."""
        pids = family(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(deadline_s)
        for pid in pids:
            wait_dead(pid, 10)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            # The launcher and the boxes go with the engine.
            pids = [self.process.pid, *children(self.process.pid)]
            self.process.kill()
            self.process.wait()
            for pid in pids:
                wait_dead(pid, 10)
        self.reader.join()
        self.process.stderr.close()
