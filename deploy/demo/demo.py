# SPDX-License-Identifier: MIT
"""demo.py PROGRAM - a fleet at work, for people to look at.

Starts `forkyard dev`, sends it all jobs of jobs/ with `forkyard submit
--wait`, prints a row per job as its result arrives, then totals; stops the
fleet and looks for anything it left behind. Exits 0 only if every job ended
as its job.json expects and nothing is left.

Knows Forkyard only from outside: its commands, and JSON in and out. Never
runs a job itself: they are programs for a box.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import fleet
import jobs
import table

RESULTS_WITHIN_S = 60  # all together take about three

# A producer that knows no maximum: what over-the-maximum is about is that the
# worker refuses it, and `submit` would do so before sending.
PRODUCER = ["--set", "limits.max.memory=64TiB"]


def results(program, kafka, the_jobs):
    """Sends the jobs and yields results as they arrive. Raises
    fleet.Failure when the sending itself fails."""
    lines = "".join(json.dumps(job.message) + "\n" for job in the_jobs)
    with tempfile.TemporaryFile() as words:
        submit = subprocess.Popen(
            [program, "submit", "-", "--wait", "--brokers", kafka] + PRODUCER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words,
            env=fleet.environment())
        deadline = threading.Timer(RESULTS_WITHIN_S, submit.kill)
        deadline.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # it says why below
                submit.stdin.write(lines.encode())
                submit.stdin.close()
            for line in submit.stdout:
                yield json.loads(line)
            code = submit.wait()
        finally:
            deadline.cancel()
            submit.kill()
            submit.wait()
            submit.stdout.close()
        words.seek(0)
        said = words.read().decode(errors="replace").strip()
        if said:
            raise fleet.Failure(f"submit: {said}")
        if code not in (0, 1):  # 1: not every job was a success
            raise fleet.Failure(f"no more results (submit: {code})")


def run_jobs(program, kafka, the_jobs, out):
    """Prints the rows; returns totals and what failed around the jobs."""
    waiting = {job.name: job for job in the_jobs}
    totals = table.Totals()
    failure = None
    begin = time.monotonic()
    try:
        for result in results(program, kafka, the_jobs):
            job = waiting.pop(result["job_id"])
            wrong = job.judge(result)
            totals.add(result, wrong)
            out.row(job, result, wrong)
    except BrokenPipeError:
        raise  # nobody looks any more
    except (fleet.Failure, OSError, ValueError, KeyError) as error:
        is_said = isinstance(error, fleet.Failure)
        failure = str(error) if is_said else repr(error)
    totals.seconds = time.monotonic() - begin
    for job in waiting.values():
        totals.missing += 1
        out.missing(job)
    return totals, failure


def show(program, out):
    """The whole demo; True when all was as it should be."""
    check = fleet.check(program)
    languages = {row["name"]: row["ok"] for row in check["runtimes"]}
    the_jobs = jobs.load(languages)
    for language in (name for name, is_there in languages.items()
                     if not is_there):
        out.say(f"{language} is not installed: its jobs end in setup_error")

    with tempfile.TemporaryDirectory(prefix="forkyard-demo-") as folder:
        jobs.compile_all(the_jobs, folder)
        the_fleet = fleet.Fleet(program, folder)
        try:
            out.fleet(the_fleet)
            out.header(the_jobs)
            totals, failure = run_jobs(program, the_fleet.kafka, the_jobs, out)
            out.totals(totals)
        finally:
            problems = the_fleet.stop()
    if failure:
        problems.insert(0, failure)
    for problem in problems:
        out.problem(problem)
    if not problems:
        out.stopped(the_fleet)
    return not problems and totals.is_good()


def stop_asked(number, _frame):
    raise SystemExit(128 + number)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: run.sh PROGRAM")
    # So that the fleet is stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_asked)
    out = table.Table(sys.stdout)
    try:
        is_good = show(os.path.abspath(sys.argv[1]), out)
    except (fleet.Failure, jobs.Mistake) as error:
        out.problem(str(error))
        is_good = False
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
