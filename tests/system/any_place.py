#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The program works wherever it stands: in directories whose names look like
those of libraries, which boxes do without, too."""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, TMPDIR, Fleet, Tap  # noqa: E402

PLACES = ["a.source", "libx.so.1", "a b"]


def works_in(place):
    directory = Path(TMPDIR) / place
    directory.mkdir()
    program = directory / "forkyard"
    try:
        os.link(FORKYARD, program)
    except OSError:  # another file system
        shutil.copy(FORKYARD, program)
    with Fleet(workers=1, slots=1, program=program) as fleet:
        fleet.is_well()


def main():
    tap = Tap()
    for place in PLACES:
        tap.case(f"a job runs with the program in '{place}'", works_in, place)
    tap.done()


main()
