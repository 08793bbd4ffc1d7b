#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test programs and counts what they report.

    tests/run.py [--build DIR] [--fuzz-seconds N] [--slower N] KIND...

KIND is a folder of tests/: unit, sys, svc, schema, system, kafka, fault, fuzz.
Each program gets its own session, its own empty TMPDIR and a time limit (120 s,
or a line `timeout: N` in its source; times --slower), and reports each test
case as a line of TAP. Whatever it leaves running is killed and counts as a
failure. T=WORD in the environment picks programs by name, V=1 shows all output.

Those of kafka share one broker, a real one, started here; so do programs of
system that have a line `kafka: PROTOCOL...` in their source, run once more for
each of these group protocols.

Runs on a developer's machine or in CI; never installs, never builds.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import kafka  # noqa: E402

# The one setting of ours that is for the tests: where HumanEval.jsonl is.
PASSED_ON = {"FORKYARD_HUMANEVAL"}
# The distribution's, which has the packages that deps.sh installs.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") \
    else sys.executable
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_TIMEOUT_S = 120
# How long what a test started may take to notice that the test is over.
LEFTOVER_GRACE_S = 5
# Kinds whose programs do not mind sharing the processors with each other.
PARALLEL = {"unit", "schema", "fuzz"}
# The tests wait for dead members to be noticed; with the classic protocol
# tests/lib/fleet.py says the same.
KAFKA_SETTINGS = {
    "group.consumer.session.timeout.ms": 2000,
    "group.consumer.heartbeat.interval.ms": 250,
}
# Brief, as part of `make test`: enough to see that the kept inputs still pass.
BRIEF_FUZZ_RUNS = 5000
BRIEF_FUZZ_SECONDS = 10

TAP_LINE = re.compile(r"^(ok|not ok) (\d+)(.*)$", re.M)
TAP_PLAN = re.compile(r"^1\.\.(\d+)", re.M)
TAP_SKIP = re.compile(r"#\s*skip", re.I)

print_lock = threading.Lock()


class Program:
    """One thing to run: its source, its command, its kind."""

    def __init__(self, kind, source, command, timeout_s=None, env=None,
                 name=None):
        self.kind = kind
        self.source = source
        self.name = name or os.path.splitext(
            os.path.relpath(source, "tests"))[0]
        self.env = env or {}
        self.command = command
        self.timeout_s = timeout_s or declared_timeout(source)


class Outcome:
    def __init__(self, passed=0, failed=0, skipped=0, notes=()):
        self.passed = passed
        self.failed = failed
        self.skipped = skipped
        self.notes = list(notes)


def declared(source, name):
    """What the line `name: ...` in its head says, or None."""
    with open(source, encoding="utf-8") as f:
        match = re.search(rf"^\W*{name}: (.+)", f.read(4000), re.M)
    return match.group(1) if match else None


def declared_timeout(source):
    return int(declared(source, "timeout") or DEFAULT_TIMEOUT_S)


def compiled(kind, pattern, build):
    for source in sorted(glob.glob(pattern)):
        yield Program(kind, source, [os.path.join(build, source[:-2])])


def scripts(kind):
    for source in sorted(glob.glob(f"tests/{kind}/*.sh")):
        yield Program(kind, source, ["bash", source])
    for source in sorted(glob.glob(f"tests/{kind}/*.py")):
        # Files that begin otherwise are parts of others.
        with open(source, encoding="utf-8") as f:
            if f.read(2) == "#!":
                yield Program(kind, source, [PYTHON, source])


def on_kafka():
    """Programs of system that are to run against a real broker too."""
    for program in scripts("system"):
        for protocol in (declared(program.source, "kafka") or "").split():
            name = f"kafka/{os.path.basename(program.name)}.{protocol}"
            yield Program("kafka", program.source, program.command,
                          env={"TEST_KAFKA_PROTOCOL": protocol}, name=name)


def fuzzers(seconds):
    for source in sorted(glob.glob("tests/fuzz/*_fuzz.c")):
        program = os.path.basename(source)[:-2]
        corpus = "tests/fuzz/corpus/" + program[: -len("_fuzz")]
        command = [
            f"build/fuzz/{program}",
            "-seed=1",
            "-rss_limit_mb=1024",
            "-timeout=10",
            "-print_final_stats=1",
            "-artifact_prefix=build/fuzz/",
        ]
        if seconds is None:
            limit_s = BRIEF_FUZZ_SECONDS
            command.append(f"-runs={BRIEF_FUZZ_RUNS}")
        else:
            limit_s = seconds
        command.append(f"-max_total_time={limit_s}")
        # New inputs go to the first folder; the kept ones stay as they are.
        command.append("@TMPDIR@")
        if os.path.isdir(corpus):
            command.append(corpus)
        yield Program("fuzz", source, command, limit_s + 60)


def collect(kind, args):
    if kind == "fuzz":
        yield from fuzzers(args.fuzz_seconds)
    else:
        yield from compiled(kind, f"tests/{kind}/*_test.c", args.build)
        yield from scripts(kind)
    if kind == "kafka":
        yield from on_kafka()


def environment(program, tmpdir, args):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("FORKYARD") or k in PASSED_ON}
    env.update(
        CMOCKA_MESSAGE_OUTPUT="TAP",
        # What else runs on this machine must not stop the fleets of tests.
        # The test of the guard switches it on.
        FORKYARD_GUARD_ENABLED="false",
        FORKYARD=os.path.abspath(os.path.join(args.build, "forkyard")),
        TMPDIR=tmpdir,
        TEST_ROOT=ROOT,
        TEST_BUILD=os.path.abspath(args.build),
        TEST_PROBES=os.path.abspath("build/probe"),
        # Sanitized programs fork and exec others: say so once, here.
        ASAN_OPTIONS=os.environ.get(
            "ASAN_OPTIONS", "detect_leaks=1:handle_abort=1"
        ),
        UBSAN_OPTIONS=os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1"),
        TSAN_OPTIONS=os.environ.get(
            "TSAN_OPTIONS",
            f"suppressions={ROOT}/tests/lib/tsan.supp",
        ),
        **program.env,
    )
    env.pop("MAKEFLAGS", None)
    env.pop("MAKELEVEL", None)
    return env


def processes_with(tmpdir):
    """Those that inherited this TMPDIR and are not yet dead."""
    needle = b"TMPDIR=" + tmpdir.encode() + b"\0"
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                if needle not in f.read() + b"\0":
                    continue
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                words = f.read().replace(b"\0", b" ").decode(errors="replace")
            found[int(entry)] = words.strip()
        except OSError:
            continue  # gone meanwhile, or not ours to look at
    return found


def clear_leftovers(tmpdir):
    deadline = time.monotonic() + LEFTOVER_GRACE_S
    left = processes_with(tmpdir)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = processes_with(tmpdir)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    return [f"left behind: process {pid}: {cmd[:100]}"
            for pid, cmd in left.items()]


def run_command(program, tmpdir, args):
    """Returns (exit status or None on a time limit, output)."""
    command = [w.replace("@TMPDIR@", tmpdir) for w in program.command]
    # A file and not a pipe: a child that keeps it open cannot hold us up.
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(program, tmpdir, args),
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            status = process.wait(program.timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        if status is None:
            kill_group(process.pid, signal.SIGTERM)
            time.sleep(0.5)
            kill_group(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        return status, out.read().decode(errors="replace")


def kill_group(pid, sig):
    try:
        os.killpg(pid, sig)
    except OSError:
        pass


def count_tap(output, outcome):
    cases = 0
    for verdict, _, rest in TAP_LINE.findall(output):
        cases += 1
        if TAP_SKIP.search(rest):
            outcome.skipped += 1
            outcome.notes.append("skipped" + rest.rstrip())
        elif verdict == "ok":
            outcome.passed += 1
        else:
            outcome.failed += 1
    planned = sum(int(n) for n in TAP_PLAN.findall(output))
    if planned and planned != cases:
        outcome.failed += 1
        outcome.notes.append(f"announced {planned} tests, reported {cases}")
    if not cases and not TAP_PLAN.search(output):
        outcome.failed += 1
        outcome.notes.append("reported nothing")


def judge(program, status, output):
    outcome = Outcome()
    if program.kind == "fuzz":
        outcome.passed = 1 if status == 0 else 0
    else:
        count_tap(output, outcome)
    if status is None:
        outcome.failed += 1
        outcome.notes.append(f"killed after {program.timeout_s} s")
    elif status < 0:
        outcome.failed += 1
        outcome.notes.append(f"died of {signal.Signals(-status).name}")
    elif status != 0 and not outcome.failed:
        outcome.failed += 1
        outcome.notes.append(f"exit status {status}")
    return outcome


def run_one(program, args):
    began = time.monotonic()
    # Short: it holds UNIX sockets, whose names may have 107 bytes.
    tmpdir = tempfile.mkdtemp(prefix="fyt.", dir="/tmp")
    os.chmod(tmpdir, 0o755)
    try:
        if os.path.exists(program.command[0]) or "/" not in program.command[0]:
            status, output = run_command(program, tmpdir, args)
            outcome = judge(program, status, output)
        else:
            output = ""
            outcome = Outcome(failed=1, notes=["was not built"])
        left = clear_leftovers(tmpdir)
        outcome.failed += 1 if left else 0
        outcome.notes += left
    finally:
        shutil.rmtree(tmpdir, ignore_errors=True)
    report(program, outcome, output, time.monotonic() - began)
    return outcome


def report(program, outcome, output, seconds):
    word = "FAIL" if outcome.failed else "ok"
    counts = f"{outcome.passed} passed"
    if outcome.failed:
        counts += f", {outcome.failed} failed"
    if outcome.skipped:
        counts += f", {outcome.skipped} skipped"
    with print_lock:
        if outcome.failed or os.environ.get("V", "0") not in ("", "0"):
            print(f"--- output of {program.name}")
            print(output, end="" if output.endswith("\n") else "\n")
            print("---")
        print(f"{word:4} {program.name:32} {seconds:6.1f} s  {counts}")
        for note in outcome.notes:
            print(f"       {note}")
        sys.stdout.flush()


def run_on_kafka(programs, args):
    """One broker for all of them: it takes a few seconds to start."""
    if not programs:
        return []
    why = kafka.missing()
    if why:
        outcomes = [Outcome(skipped=1, notes=["skipped: " + why])
                    for _ in programs]
        for program, outcome in zip(programs, outcomes):
            report(program, outcome, "", 0)
        return outcomes
    with kafka.Cluster(settings=KAFKA_SETTINGS) as broker:
        for program in programs:
            program.env["TEST_KAFKA"] = broker.brokers
        outcomes = [run_one(p, args) for p in programs]
        if not broker.is_running():
            print(f"Kafka has ended meanwhile: {broker.words()}")
    return outcomes


def run_all(programs, args):
    workers = os.cpu_count() or 1
    beside = [p for p in programs if p.kind in PARALLEL]
    alone = [p for p in programs if p.kind not in PARALLEL | {"kafka"}]
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        outcomes += pool.map(lambda p: run_one(p, args), beside)
    outcomes += [run_one(p, args) for p in alone]
    outcomes += run_on_kafka([p for p in programs if p.kind == "kafka"], args)
    return outcomes


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="build directory")
    parser.add_argument("--fuzz-seconds", type=int, default=None)
    parser.add_argument("--slower", type=int, default=1,
                        help="multiply every time limit: an emulated machine")
    parser.add_argument("kinds", nargs="+", metavar="KIND")
    return parser.parse_args()


def main():
    args = parse_arguments()
    os.chdir(ROOT)
    word = os.environ.get("T", "")
    programs = [p for kind in args.kinds for p in collect(kind, args)
                if word in p.name]
    for program in programs:
        program.timeout_s *= args.slower
    outcomes = run_all(programs, args)
    passed = sum(o.passed for o in outcomes)
    failed = sum(o.failed for o in outcomes)
    skipped = sum(o.skipped for o in outcomes)
    if skipped and (os.environ.get("SKIPS_ARE_FAILURES") == "1"
                    or os.environ.get("CI") == "true"):
        print("a skipped test counts as a failed one here")
        failed += skipped
        skipped = 0
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    # Nothing found is a mistake in T= or in the tree, not a success.
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
