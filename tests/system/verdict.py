#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""expected_output gives a verdict beside the status, through a whole fleet.
timeout: 60
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, conforms, same  # noqa: E402


def judged(fleet, expected, **job):
    job.setdefault("language", "shell")
    result = fleet.run(expected_output=expected, **job)
    conforms("result", result)
    return result


def is_judged(fleet, status, verdict, expected, code, **job):
    got = judged(fleet, expected, code=code, **job)
    same((got["status"], got.get("verdict")), (status, verdict),
         f"{got.get('status_reason')} {got.get('stderr')}")
    return got


# What a program writes, what is expected of it, and what that makes.
OUTPUTS = [
    ("the same", "printf '1\\n2\\n'", b"1\n2\n", True),
    ("no newline at the end", "printf '1\\n2'", b"1\n2\n", True),
    ("white space at the end of lines", "printf '1  \\n2\\t\\n\\n\\n'",
     b"1\r\n2", True),
    ("nothing, as expected", "true", b"", True),
    ("text instead of bytes", "echo 42", "42\n", True),
    ("bytes that are no text", "printf '\\377\\000'", b"\xff\x00", True),
    ("another number", "echo 43", b"42\n", False),
    ("white space in front", "echo ' 42'", b"42\n", False),
    ("a line too few", "echo 1", b"1\n2\n", False),
    ("a line too many", "printf '1\\n2\\n'", b"1\n", False),
    ("an empty line between", "printf '1\\n\\n2\\n'", b"1\n2\n", False),
    ("right, on the wrong stream", "echo 42 >&2", b"42\n", False),
]


def only_a_success(fleet):
    is_judged(fleet, "nonzero_exit", "wrong_answer", b"42", "echo 42; exit 1")
    is_judged(fleet, "signalled", "wrong_answer", b"42",
              "echo 42; kill -9 $$")
    is_judged(fleet, "time_limit_exceeded", "wrong_answer", b"42",
              "echo 42; sleep 60", limits={"wall_time_ms": 300})
    is_judged(fleet, "file_error", "wrong_answer", b"42", "echo 42",
              fetch_files=[{"path": "gone"}])


def never_ran(fleet):
    is_judged(fleet, "compile_error", None, b"42", "not C", language="c")
    got = judged(fleet, b"42", language="no-such", code="x")
    same((got["status"], got.get("verdict")), ("validation_error", None),
         "refused")
    got = judged(fleet, b"42", code="echo 42", dry_run=True)
    same(got.get("verdict"), None, "a dry run")


def what_was_cut(fleet):
    got = is_judged(fleet, "success", "wrong_answer", b"42",
                    "echo 42; head -c 100 /dev/zero | tr '\\0' '\\n'",
                    limits={"stdout_bytes": 50})
    assert any("expected_output" in w for w in got["warnings"]), got
    got = judged(fleet, b"x" * 51, code="true", limits={"stdout_bytes": 50})
    same(got["status"], "validation_error", "more than is kept")
    assert got["status_reason"].startswith("expected_output: 51 bytes"), got


def compiled(fleet):
    is_judged(fleet, "success", "accepted", b"5\n", language="c",
              stdin=b"2 3\n",
              code="#include <stdio.h>\nint main(void) { int a, b; "
              "if (scanf(\"%d%d\", &a, &b) == 2) printf(\"%d\", a + b); }")


def nothing_expected(fleet):
    got = fleet.run(language="shell", code="echo 42")
    same(got.get("verdict"), None, "verdict")


def main():
    tap = Tap()
    with Fleet(workers=1, slots=4) as fleet:
        for name, code, expected, is_right in OUTPUTS:
            tap.case(name, is_judged, fleet, "success",
                     "accepted" if is_right else "wrong_answer", expected,
                     code)
        tap.case("only a success is accepted", only_a_success, fleet)
        tap.case("a program that never ran is not judged", never_ran, fleet)
        tap.case("what was cut is not accepted, and that is told",
                 what_was_cut, fleet)
        tap.case("a compiled program", compiled, fleet)
        tap.case("nothing expected, no verdict", nothing_expected, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
