#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scenarios of harness/scenarios.py, each judged by checker.py.

    run.py [NAME...] [--seed N] [--jobs N] [--rate N]   all brief ones, or these
    run.py --list                                       the table
    run.py --readme                                     README.md's figures

Histories and the logs of workers are kept below build/fault/ when there was a
violation, or with --keep; what was measured is in build/fault/measured.json.
timeout: 1500
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]

import checker  # noqa: E402
from fleet import Tap  # noqa: E402

try:
    from harness import drive, net, scenarios  # noqa: E402
except ImportError as why:
    drive = None
    NOT_HERE = f"{why.name} is not installed"

OUT = ROOT / "build" / "fault"
MEASURED = OUT / "measured.json"
README = HERE / "README.md"
SHOWN = 6


def read_measured():
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {}


def note_measured(row, run, figures, found):
    known = read_measured()
    known[row.name] = {
        "date": time.strftime("%Y-%m-%d"), "seed": run.seed,
        "violations": {name: len(wrong) for name, wrong in found.items()},
        **figures}
    MEASURED.write_text(json.dumps(known, indent=1) + "\n")


def judge(path):
    history = checker.History.read(path)
    return checker.figures(history), checker.judge(history)


def one(row, ground, args):
    history = OUT / f"{row.name}-{args.seed}.jsonl"
    run = drive.Run(row, ground, history, args.seed, args.jobs, args.rate)
    is_good = False
    try:
        run.execute()
        figures, found = judge(history)
        note_measured(row, run, figures, found)
        print(f"# {row.name}: {json.dumps(figures)}", flush=True)
        is_good = not found
        assert is_good, f"seed {args.seed}, {history}\n" + "\n".join(
            f"{name}: {len(wrong)}\n  " + "\n  ".join(wrong[:SHOWN])
            for name, wrong in found.items())
    finally:
        if not is_good or args.keep:
            run.keep_logs(OUT / f"{row.name}-{args.seed}.logs")
        else:
            history.unlink()
        run.remove()


def chosen(args):
    if args.names:
        return [scenarios.BY_NAME[name] for name in args.names]
    rows = [row for row in scenarios.ROWS if row.is_brief]
    # Those that share a broker, one after the other.
    return sorted(rows, key=lambda row: (row.nodes, row.disk_mb))


# ---- README.md --------------------------------------------------------------


def cell(row, got):
    if not got:
        return "not run"
    if got["violations"]:
        return f"VIOLATIONS {got['violations']}"
    return (f"{got['accepted']} jobs, {sum(got['faults'].values())} faults: "
            f"0 violations; {got['hidden_duplicates']} hidden duplicates; all "
            f"finished {got['recovery_s']} s after, longest silence "
            f"{got['stall_s']} s ({got['date']}, seed {got['seed']})")


def write_readme():
    measured = read_measured()
    lines = ["| scenario | expected | last measured |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.expected} | "
              f"{cell(row, measured.get(row.name))} |"
              for row in scenarios.ROWS]
    text = README.read_text()
    README.write_text(re.sub(
        r"(<!-- measured -->\n).*(<!-- end -->)",
        lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(2), text,
        flags=re.S))


# ---- the command line -------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("FAULT_SEED", "1")))
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--readme", action="store_true")
    args = parser.parse_args()
    if drive:
        unknown = set(args.names) - set(scenarios.BY_NAME)
        if unknown:
            parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return args


def run_all(tap, rows, args):
    reasons = {row.name: drive.missing(row) for row in rows}
    if not all(reasons.values()):
        net.own_world()
    ground = drive.Ground()
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        for row in rows:
            if reasons[row.name]:
                tap.skip(row.name, reasons[row.name])
            else:
                tap.case(row.name, one, row, ground, args)
    finally:
        ground.close()


def main():
    args = parse()
    tap = Tap()
    if not drive:
        tap.skip("all scenarios", NOT_HERE)
        tap.done()
    if args.list:
        for row in scenarios.ROWS:
            print(f"{row.name:20} {row.expected}")
        return
    if args.readme:
        write_readme()
        return
    own = None
    if "TMPDIR" not in os.environ:
        own = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="fyf.")
        os.chmod(own, 0o755)
    try:
        run_all(tap, chosen(args), args)
    finally:
        if own:
            shutil.rmtree(own, ignore_errors=True)
    tap.done()


main()
