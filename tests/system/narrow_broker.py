#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Results larger than what Kafka takes: cut until they fit, and never in the
way of other jobs. The client's own limit stands for the broker's.
timeout: 60
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, same  # noqa: E402

NARROW_BYTES = 100000


def cuts_what_is_too_large(fleet):
    got = fleet.run(language="shell", code="head -c 400000 /dev/zero; exit 3")
    same(got["status"], "nonzero_exit", "status")
    same(got["stdout_bytes_total"], 400000, "bytes written")
    same(got["stdout_truncated"], True, "said to be cut")
    size = len(got["stdout"])
    assert 1000 < size < NARROW_BYTES, f"{size} bytes are left"


def main():
    tap = Tap()
    settings = {"kafka.message.max.bytes": NARROW_BYTES}
    with Fleet(workers=1, slots=1, settings=settings) as fleet:
        tap.case("a result too large is cut", cuts_what_is_too_large, fleet)
        tap.case("the next job runs", fleet.is_well)
    tap.done()


main()
