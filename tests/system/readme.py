#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Is what the README and the other pages say still so? Links lead somewhere,
lists are those of the code, and the first jobs run as they are printed.
timeout: 60
"""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, ROOT, Fleet, Tap, same  # noqa: E402

README = (ROOT / "README.md").read_text()
README_LINES_MAX = 200


def pages():
    yield ROOT / "README.md"
    for folder in (".github", "worker/doc", "schemas", "tests", "deploy"):
        yield from (ROOT / folder).rglob("*.md")


def links_lead_somewhere():
    dead = [f"{page.relative_to(ROOT)}: {link}" for page in pages()
            for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
            if not (page.parent / link).exists()]
    same(dead, [], "dead links")


def is_short():
    lines = README.count("\n")
    assert lines <= README_LINES_MAX, f"{lines} lines"


def names_what_is_refused():
    plan = (ROOT / "worker/run/plan.c").read_text()
    table = re.search(r"\} unmet\[\] = \{(.*?)\n\};", plan, re.S).group(1)
    fields = re.findall(r'\{"([^"]+)"', table)
    assert fields, "no table unmet[] in plan.c"
    words = {word for field in fields
             for word in re.findall(r"[a-z_]+_[a-z_]+|^[a-z]+", field)}
    missing = [w for w in sorted(words) if not re.search(rf"\b{w}\b", README)]
    same(missing, [], "refused, and not in the README")


def decisions_are_listed():
    folder = ROOT / "worker/doc/decisions"
    listed = set(re.findall(r"\((2[^)]+)\)", (folder / "README.md").read_text()))
    same(listed, {p.name for p in folder.glob("2*.md")}, "decisions")


def output_of(argv, fleet, **more):
    env = dict(os.environ, FORKYARD_KAFKA_BOOTSTRAP_SERVERS=fleet.kafka)
    done = subprocess.run(argv, env=env, capture_output=True, text=True,
                          timeout=30, check=False, **more)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    return done.stdout


def command_lines(fleet):
    """The indented ones that begin with our program, as they are printed."""
    text = README[README.index("In another one:"):README.index("`run` shows")]
    script = "\n".join(re.findall(r"^    (.*)$", text, re.M))
    script = script.replace("build/forkyard", FORKYARD)
    lines = output_of(["sh", "-e", "-c", script], fleet).splitlines()
    same(lines[:3], ["42", "[ 1, 4, 9 ]", "1+2+3"], "output of run")
    assert '"stdout":"1\\n"' in lines[3], lines[3]
    assert lines[4].startswith("JOB "), lines[4]


def main():
    tap = Tap()
    tap.case("links lead somewhere", links_lead_somewhere)
    tap.case("the README is short", is_short)
    tap.case("the README names what is refused", names_what_is_refused)
    tap.case("all decisions are listed", decisions_are_listed)
    with Fleet(workers=1, slots=2) as fleet:
        tap.case("the command lines", command_lines, fleet)
    tap.done()


main()
