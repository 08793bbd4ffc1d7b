#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`forkyard dev --kafka local`: a node of its own, gone when dev is.
timeout: 90
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import (FORKYARD, TMPDIR, Tap, children, name_of,  # noqa: E402
                   same, wait_dead)
from one_worker import forkyard  # noqa: E402


def dev(*words, env=None):
    return subprocess.Popen(
        [FORKYARD, "dev", "--kafka", "local", "--json", "--workers", "1",
         "--set", "guard.enabled=false", "--set",
         f"box.uid_base={1200000000 + os.getpid() % 40000 * 8192}", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, **(env or {})})


def runs_jobs():
    """In transactions too, which the embedded broker has not."""
    with dev("--port", "0", "--set", "topics.delivery=exactly-once") as fleet:
        try:
            line = fleet.stdout.readline()
            assert line, fleet.stderr.read().decode()
            kafka = json.loads(line)["kafka"]
            node = next(pid for pid in children(fleet.pid)
                        if name_of(pid) == "java")
            code, out, err = forkyard(
                ["run", "-l", "shell", "-c", "echo well"],
                {"kafka.bootstrap.servers": kafka})
            same((code, out), (0, "well\n"), f"run ({err})")
        finally:
            fleet.terminate()
        same(fleet.wait(30), 0, "exit code of dev")
        wait_dead(node)
    left = [str(p) for p in Path(TMPDIR).glob("forkyard*")]
    same(left, [], "what dev left")


def none_is_there():
    with dev(env={"FORKYARD_CACHE": f"{TMPDIR}/nothing"}) as fleet:
        words = fleet.stderr.read().decode()
        same((fleet.wait(30), "make kafka" in words), (1, True), words)


def no_java():
    with dev("--port", "0", "--redis", "none",
             env={"PATH": f"{TMPDIR}"}) as fleet:
        words = fleet.stderr.read().decode()
        same((fleet.wait(30), "needs java" in words), (1, True), words)


def main():
    tap = Tap()
    tap.case("it runs jobs, and leaves nothing", runs_jobs)
    tap.case("without a Kafka it says how to get one", none_is_there)
    tap.case("without java it says so", no_java)
    tap.done()


main()
