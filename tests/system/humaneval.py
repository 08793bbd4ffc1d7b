#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The programs of HumanEval as jobs: with their own solutions all succeed,
with a body that returns nothing all fail by their own assertions.
timeout: 150

The data is no part of the project: $FORKYARD_HUMANEVAL names the file, or it
lies beside the project. Without it nothing is tested, and that is said.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import ROOT, Fleet, Tap, same  # noqa: E402

# Two workers of four: what two cores can take without waiting too long.
DEADLINE_S = 120
COUNT = 164


def data():
    named = os.environ.get("FORKYARD_HUMANEVAL")
    beside = ROOT.parent / "shared" / "data" / "HumanEval.jsonl"
    for path in [Path(named)] if named else [beside]:
        if path.is_file():
            with path.open(encoding="utf-8") as lines:
                return [json.loads(line) for line in lines if line.strip()]
    return None


def job(prefix, number, task, body):
    code = (task["prompt"] + body + "\n" + task["test"] +
            f"\ncheck({task['entry_point']})\n")
    return {"job_id": f"{prefix}-{number}", "language": "python",
            "code": code, "labels": {"task": task["task_id"]}}


def all_end(fleet, prefix, tasks, status):
    results = fleet.results([f"{prefix}-{n}" for n in range(len(tasks))],
                            DEADLINE_S)
    others = [f"{r['labels']['task']}: {r['status']} "
              f"{r.get('status_reason', '')} {r['stderr'][-300:]!r}"
              for r in results.values() if r["status"] != status]
    assert not others, "\n".join(others)
    return results


def fail_by_assertion(results):
    """Not by a syntax error of ours. Some fail before they compare: None has
    no length and cannot be iterated."""
    kinds = Counter(
        r["stderr"].decode().strip().rsplit("\n", 1)[-1].split(":")[0]
        for r in results.values())
    print("# last words:", dict(kinds))
    same(set(kinds) - {"AssertionError", "TypeError"}, set(), "other errors")


def main():
    tap = Tap()
    tasks = data()
    if tasks is None:
        print("# HumanEval is not here: FORKYARD_HUMANEVAL names the file")
        print("1..0")
        return
    with Fleet() as fleet:
        fleet.submit([job("good", n, t, t["canonical_solution"])
                      for n, t in enumerate(tasks)])
        fleet.submit([job("none", n, t, "    return None\n")
                      for n, t in enumerate(tasks)])
        tap.case("there are 164 tasks", same, len(tasks), COUNT)
        tap.case("all solutions succeed", all_end, fleet, "good", tasks,
                 "success")
        tap.case("all fail that return None", all_end, fleet, "none", tasks,
                 "nonzero_exit")
        tap.case("... by their own tests", lambda: fail_by_assertion(
            all_end(fleet, "none", tasks, "nonzero_exit")))
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
