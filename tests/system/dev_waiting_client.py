#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A producer that waits on dev's port before dev is there: it asks for its
topic at once, and dev must come up all the same and run its job.
timeout: 60
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Tap  # noqa: E402

PROGRAM = os.environ.get("FORKYARD", "build/forkyard")
CLIENTS = 4


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def waiting_clients(port):
    """kcat gives up when nobody answers: it is started again at once."""
    clients = []
    for n in range(CLIENTS):
        job = {"job_id": f"early-{n}", "language": "shell",
               "code": "echo early"}
        path = Path(os.environ["TMPDIR"]) / f"job-{n}"
        path.write_bytes(msgpack.packb(job))
        clients.append(subprocess.Popen(
            ["sh", "-c", f"until kcat -P -q -b 127.0.0.1:{port} -t "
             f"forkyard.jobs.high -k early-{n} {path} 2>/dev/null; do :; "
             "done"]))
    return clients


def dev_comes_up(port, clients, state):
    state["dev"] = subprocess.Popen(
        [PROGRAM, "dev", "--json", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = state["dev"].stdout.readline()
    assert line, state["dev"].stderr.read()
    assert json.loads(line)["kafka"].endswith(f":{port}"), line
    for client in clients:
        assert client.wait(timeout=30) == 0, "kcat failed"


def early_jobs_run(port):
    wanted = {f"early-{n}" for n in range(CLIENTS)}
    follow = subprocess.Popen(
        [PROGRAM, "results", "--follow", "--json", "--brokers",
         f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
    try:
        while wanted:
            result = json.loads(follow.stdout.readline())
            assert result["status"] == "success", result
            wanted.discard(result["job_id"])
    finally:
        follow.kill()
        follow.wait()


def dev_ends(state):
    state["dev"].terminate()
    assert state["dev"].wait(timeout=30) == 0


def main():
    tap = Tap()
    port = free_port()
    state = {}
    clients = waiting_clients(port)
    tap.case("dev comes up beside waiting producers", dev_comes_up, port,
             clients, state)
    tap.case("their jobs are run", early_jobs_run, port)
    tap.case("dev ends in order", dev_ends, state)
    tap.done()


main()
