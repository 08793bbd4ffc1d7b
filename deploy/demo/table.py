# SPDX-License-Identifier: MIT
"""table.py - results as rows for people: aligned, coloured on a terminal.

Part of the demo. Never decides what is right."""
import os
import re
import shutil
import unicodedata

WIDTH_PIPED = 120
WIDTH_MIN = 72
STATUS_WIDTH = 23  # process_limit_exceeded
LANGUAGE_WIDTH = 10
TIME_WIDTH = 7
GAP = "   "
COLOURS = {"good": "32", "meant": "33", "wrong": "1;31", "dim": "2",
           "bold": "1"}


def size(count):
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            break
        count /= 1024
    else:
        unit = "GiB"
    return f"{count:.3g} {unit}"


def duration(ms):
    if ms < 9.95:
        return f"{ms:.1f} ms"
    return f"{ms:.0f} ms" if ms < 999.5 else f"{ms / 1000:.2f} s"


# termination.limit: its name in words, and how its value is said.
LIMITS = {
    "wall_time": ("wall time", duration),
    "cpu_time": ("CPU time", duration),
    "memory": ("memory", size),
    "stdout": ("output", size),
    "stderr": ("error output", size),
    "processes": ("process", str),
    "disk": ("disk", size),
    "file_size": ("file size", size),
    "inodes": ("file count", str),
}


def cells(text):
    """How many columns of a terminal a text takes."""
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def clipped(text, width):
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 3:
        text = text[:-1]
    return text + "..."


def a_line(output, last=False):
    """One line of a program's output that says something."""
    if not isinstance(output, str):
        return "(bytes)" if output else ""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    line = lines[-1 if last else 0] if lines else ""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", line)


def what_stopped(result):
    """In a few words, by the result alone."""
    termination = result.get("termination", {})
    limit = LIMITS.get(termination.get("limit"))
    if limit and "limit_value" in termination:
        name, say = limit
        return (f"{name} limit of {say(termination['limit_value'])} "
                f"({termination['by']})")
    if "signal" in result:
        return result["signal"].get("name", "a signal")
    if result["status"] == "nonzero_exit":
        # Of an uncaught exception Node prints the kind first.
        words = result.get("stderr") or ""
        errors = re.findall(r"^\w*Error: .*", str(words), re.M)
        line = errors[-1] if errors else a_line(words, last=True)
        return f"exit {result['exit_code']}" + (f": {line}" if line else "")
    return result.get("status_reason", "")


class Totals:
    def __init__(self):
        self.succeeded = self.meant = self.wrong = self.missing = 0
        self.seconds = 0.0
        self.isolation = None

    def add(self, result, wrong):
        self.isolation = self.isolation or result.get("isolation")
        if wrong:
            self.wrong += 1
        elif result["success"]:
            self.succeeded += 1
        else:
            self.meant += 1

    def count(self):
        return self.succeeded + self.meant + self.wrong

    def is_good(self):
        return self.count() > 0 and self.wrong == 0 and self.missing == 0


class Table:
    def __init__(self, stream):
        self.stream = stream
        is_terminal = stream.isatty()
        self.has_colours = is_terminal and not os.environ.get("NO_COLOR") \
            and os.environ.get("TERM") != "dumb"
        columns = shutil.get_terminal_size().columns if is_terminal \
            else WIDTH_PIPED
        self.width = max(columns - 1, WIDTH_MIN)
        self.name_width = 20
        stream.reconfigure(errors="replace")

    def _paint(self, text, colour):
        if not self.has_colours:
            return text
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"

    def say(self, text="", colour=None):
        print(self._paint(text, colour) if colour else text,
              file=self.stream, flush=True)

    def fleet(self, fleet):
        workers = fleet.ready["workers"]
        names = ", ".join(f"{w['id']} ({w['pid']})" for w in workers)
        self.say(f"A fleet is up after {fleet.start_s:.1f} s: Kafka at "
                 f"{fleet.kafka}, {len(workers)} workers: {names}")

    def _print(self, name, language, status, time, last, colour):
        last_width = self.width - (self.name_width + LANGUAGE_WIDTH +
                                   STATUS_WIDTH + TIME_WIDTH + len(GAP))
        text = f"{name:{self.name_width}}{language:{LANGUAGE_WIDTH}}"
        text += self._paint(f"{status:{STATUS_WIDTH}}", colour)
        text += f"{time:>{TIME_WIDTH}}"
        last = clipped(last, last_width)
        if last:
            text += GAP + self._paint(last, "dim")
        self.say(text.rstrip())

    def header(self, the_jobs):
        self.name_width = max(len(job.name) for job in the_jobs) + 2
        self.say(f"{len(the_jobs)} jobs go to it at once; each gets a box of "
                 "its own.\n")
        self.say(f"{'JOB':{self.name_width}}{'LANGUAGE':{LANGUAGE_WIDTH}}"
                 f"{'STATUS':{STATUS_WIDTH}}{'TIME':>{TIME_WIDTH}}"
                 f"{GAP}OUTPUT, OR WHAT STOPPED IT", "bold")

    def row(self, job, result, wrong):
        is_success = result["success"]
        last = a_line(result.get("stdout")) if is_success \
            else what_stopped(result)
        wall_us = result.get("usage", {}).get("wall_us")
        time = "-" if wall_us is None else duration(wall_us / 1000)
        colour = "wrong" if wrong else "good" if is_success else "meant"
        self._print(job.name, job.language, result["status"], time, last,
                    colour)
        for name, want, got in wrong:
            self.say(f"    WRONG {name}: expected {want!r}, got {got!r}",
                     "wrong")
        if wrong and result.get("stderr"):
            self.say(f"    stderr: {result['stderr'][-500:]!r}", "wrong")
        if wrong and result.get("status_reason"):
            self.say(f"    reason: {result['status_reason']}", "wrong")

    def missing(self, job):
        self._print(job.name, job.language, "NO RESULT", "-", "", "wrong")

    def totals(self, totals):
        count = totals.count()
        rate = count / totals.seconds if totals.seconds else 0
        if totals.isolation:
            has = totals.isolation
            spaces = [key[:-3] for key, on in has.items()
                      if key.endswith("_ns") and on is True]
            root = "read-only" if has["root_read_only"] else "writable"
            self.say(f"\nEvery box: namespaces {', '.join(spaces)}; "
                     f"{len(has['capabilities'])} capabilities;\n"
                     f"cgroup {has['cgroup']}; system calls as in "
                     f"{has['seccomp']}; root {root}")
        text = (f"\n{count} jobs in {totals.seconds:.1f} s "
                f"({rate:.0f} jobs/s): {totals.succeeded} succeeded, "
                f"{totals.meant} failed as intended, {totals.wrong} wrong")
        if totals.missing:
            text += f", {totals.missing} without a result"
        self.say(text, "good" if totals.is_good() else "wrong")

    def problem(self, text):
        self.say(f"demo: {text}", "wrong")

    def stopped(self, fleet):
        self.say(f"The fleet stopped in {fleet.stop_s:.1f} s; none of its "
                 "processes, files and cgroups is left.\n\n"
                 "Next, in two terminals:\n"
                 "  build/forkyard dev\n"
                 "  build/forkyard run -l python -c 'print(6 * 7)'")
