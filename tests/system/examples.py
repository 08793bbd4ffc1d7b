#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Do the examples run as deploy/examples/README.md prints them? With the
installed library, against the installed program; what they sent is judged by
the schema, and where it went by murmur2 written from its description.
timeout: 240
kafka: classic

Node's packages are pinned by hash in deploy/examples/package-lock.json and kept
in build/examples. Without npm: a skip; npm without network: a failure.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import (  # noqa: E402
    ROOT, TMPDIR, Fleet, Tap, conforms, needs, same)
from installed import (  # noqa: E402
    ENV, PREFIX, PROGRAM, SONAME, dynamic, install, output)

SOURCE = ROOT / "deploy" / "examples"
WORK = Path(TMPDIR) / "examples"
NODE_CACHE = ROOT / "build" / "examples"
NO_BROKER = "127.0.0.1:1"  # tcpmux, which nobody serves
DEADLINE_S = 60

# What is printed, in any order: jobs end when they end.
THREE_JOBS = ["nonzero_exit: (exit code 3)", "success: 1+2+3",
              "success: hello world"]
ONE_JOB = ["success: 1+2+3"]


def printed_commands():
    """{example: its commands} of the README."""
    text = (SOURCE / "README.md").read_text()
    parts = re.findall(r"^\*\*(\w+)\*\*(.*?)(?=^\*\*|\Z)", text, re.M | re.S)
    return {name: re.findall(r"^    (.+)$", part, re.M)
            for name, part in parts}


COMMANDS = printed_commands()


def prepare(name):
    """All commands but the last, in our copy of the folder."""
    for command in COMMANDS[name][:-1]:
        done = subprocess.run(["sh", "-c", command], cwd=WORK, env=ENV,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        same(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")


def start(name, *args):
    """The last one, with arguments."""
    words = "".join(f" '{arg}'" for arg in args)
    return subprocess.Popen(["sh", "-c", COMMANDS[name][-1] + words],
                            cwd=WORK, env=ENV, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def ended(process):
    """(status, lines in the order of the alphabet, stderr)"""
    with process:
        try:
            out, words = process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, sorted(out.splitlines()), words


def prepare_c(name, libraries):
    prepare(name)
    same([n for n in dynamic(WORK / "submit").get("NEEDED", [])
          if not n.startswith("ld-linux")], libraries, "libraries of submit")


def prepare_node():
    """Once per lock file; a half-done installation has no stamp."""
    lock = (SOURCE / "package-lock.json").read_text()
    stamp = NODE_CACHE / "stamp"
    if not stamp.exists() or stamp.read_text() != lock:
        prepare("Node")
        shutil.rmtree(NODE_CACHE, ignore_errors=True)
        shutil.copytree(WORK / "node_modules", NODE_CACHE / "node_modules")
        stamp.write_text(lock)
    else:
        (WORK / "node_modules").symlink_to(NODE_CACHE / "node_modules")


# ---- what they sent --------------------------------------------------------


def murmur2(data):
    """The hash of Kafka's Java client, of 32 bits."""
    m, mask = 0x5bd1e995, 0xffffffff
    h = 0x9747b28c ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        h = (h * m ^ (k ^ k >> 24) * m) & mask
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partitions_of(fleet, topic):
    text = output("kcat", "-L", "-J", "-b", fleet.kafka, "-t", topic)
    return len(json.loads(text)["topics"][0]["partitions"])


def runs(name, fleet, wanted, label):
    """It prints what it should, and its jobs are as a producer's must be."""
    prefix = f"topics.prefix={fleet.topic('')}" if label == "c" \
        else fleet.topic("")
    tail = fleet.tail("jobs.default")
    before = len(tail.records)
    same(ended(start(name, fleet.kafka, prefix)), (0, wanted, ""))
    tail.wait(lambda records: len(records) >= before + len(wanted))
    sent = tail.records[before:]
    same(len(sent), len(wanted), "jobs")
    count = partitions_of(fleet, fleet.topic("jobs.default"))
    for record in sent:
        conforms("job", record.message)
        same(record.key.decode(), record.message["job_id"], "key")
        same(record.partition, (murmur2(record.key) & 0x7fffffff) % count,
             f"partition of {record.key}")
    same([r.message["labels"] for r in sent if "labels" in r.message],
         [{"example": label}], "labels")


def say_why(names):
    """All at once: each waits for a while before it gives up."""
    processes = [start(name, NO_BROKER) for name in names]
    for name, (status, lines, words) in zip(names, map(ended, processes)):
        same((name, status, lines), (name, 1, []), words)
        last = words.splitlines()[-1]
        assert re.search(r"connect|Broker transport", last, re.I), words
        assert "Traceback" not in words, words


def on_fleet(tap, fleet):
    tap.case("C: compiled as printed", prepare_c, "C",
             [SONAME, "libc.so.6"])
    tap.case("... runs", runs, "C", fleet, THREE_JOBS, "c")
    tap.case("C, static: needs no library", prepare_c, "Static", [])
    tap.case("... runs", runs, "Static", fleet, THREE_JOBS, "c")
    tap.case("Python", runs, "Python", fleet, THREE_JOBS, "python")
    if needs("npm"):
        tap.skip("Node", needs("npm"))
    else:
        tap.case("Node: its packages are installed", prepare_node)
        tap.case("... runs", runs, "Node", fleet, THREE_JOBS, "node")
    tap.case("shell", runs, "Shell", fleet, ONE_JOB, "kcat")


def main():
    tap = Tap()
    install(PREFIX=PREFIX)
    shutil.copytree(SOURCE, WORK, ignore=shutil.ignore_patterns(
        "node_modules", "submit"))
    with Fleet(program=PROGRAM) as fleet:
        on_fleet(tap, fleet)
    if "TEST_KAFKA" not in os.environ:
        tap.case("without a broker each says so", say_why,
                 ["Static", "Python", "Shell"] + ["Node"] * (not needs("npm")))
    tap.done()


main()
