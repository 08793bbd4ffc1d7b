#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Do worker/doc/metrics.md and the program agree about the metrics?"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, Tap, same  # noqa: E402

DOC = (Path(os.environ["TEST_ROOT"]) / "worker/doc/metrics.md").read_text()


def told(flag):
    return subprocess.run([FORKYARD, "metrics", flag], check=True,
                          capture_output=True, text=True).stdout


def page_holds_the_table():
    table = DOC[DOC.index("| Prometheus |"):]
    same(table, told("--markdown"),
         "the table; make it anew with `forkyard metrics --markdown`")


def examples_name_what_there_is():
    rows = {r["name"]: r for r in json.loads(told("--json"))}
    examples = "\n".join(re.findall(r"```yaml\n(.*?)```", DOC, re.S))
    names = set(re.findall(r"\bforkyard_[a-z_]+", examples))
    assert len(names) > 5, names
    for name in names:
        assert name in rows, f"{name} is no metric"
    for keys, name in re.findall(r"by \(([a-z, ]+)\) \(\w*\(?(forkyard_\w+)",
                                 examples):
        wanted = set(keys.split(", ")) - {"instance"}
        assert wanted <= set(rows[name]["labels"]), (name, keys)


def names_follow_the_rules():
    for row in json.loads(told("--json")):
        name = row["otel"].replace(".", "_")
        name += {"s": "_seconds", "By": "_bytes"}.get(row["unit"], "")
        name += "_total" if row["type"] == "counter" else ""
        same(row["name"], name)


def main():
    tap = Tap()
    for case in (page_holds_the_table, examples_name_what_there_is,
                 names_follow_the_rules):
        tap.case(case.__name__.replace("_", " "), case)
    tap.done()


main()
