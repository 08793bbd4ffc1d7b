#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a job gets back besides its output: fetch_files and artifacts, through
a whole fleet, and whatever a job may leave in their place.
timeout: 90
"""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet, Tap, conforms, same  # noqa: E402

RESULT_MAX = 300000


def run(fleet, **job):
    job.setdefault("language", "shell")
    result = fleet.run(**job)
    conforms("result", result)
    return result


def succeeds(fleet, **job):
    result = run(fleet, **job)
    same(result["status"], "success",
         f"{result.get('status_reason')} {result.get('stderr')}")
    return result


def sha(data):
    return hashlib.sha256(data).hexdigest()


# ---- fetch_files -----------------------------------------------------------


def files_come_back(fleet):
    got = succeeds(fleet, code="mkdir out; printf hello >out/a; chmod 751 "
                   "out/a; printf 0123456789 >b", fetch_files=[
                       {"path": "out/a"}, {"path": "b", "max_bytes": 4},
                       {"path": "none", "optional": True}])
    same(got["files"], [
        {"path": "out/a", "content": b"hello", "mode": 0o751, "size_bytes": 5,
         "sha256": sha(b"hello")},
        {"path": "b", "content": b"0123", "mode": 0o644, "size_bytes": 10,
         "truncated": True},
        {"path": "none", "missing": True}], "files")
    same(got.get("warnings"), None, "warnings")


def a_missing_one_is_an_error(fleet):
    got = run(fleet, code="echo done", fetch_files=[{"path": "gone"}])
    same((got["status"], got["success"]), ("file_error", False), "status")
    same(got["exit_code"], 0, "exit code")
    same(got["stdout"], b"done\n", "output")
    same(got["status_reason"], "fetch_files: gone: no such file", "reason")
    same(got["error"]["phase"], "collect", "phase")
    got = run(fleet, code="exit 3", fetch_files=[{"path": "gone"}])
    same(got["status"], "nonzero_exit", "status")
    assert "fetch_files: gone: no such file" in got["warnings"], got


def nothing_else_is_a_file(fleet):
    got = run(fleet, code="ln -s /etc/passwd link; mkdir folder; ln -s folder "
              "way; echo x >folder/x; mkdir -p real; ln real/f real/g; "
              "echo y >real/f; ln real/f hard", fetch_files=[
                  {"path": p, "optional": True} for p in
                  ("link", "folder", "way/x", "hard")])
    same([f.get("missing", False) for f in got["files"]],
         [True, True, True, False], "missing")
    same(got["files"][3]["content"], b"y\n", "a hard link")
    same(sum("not a regular file" in w for w in got["warnings"]), 3,
         "warnings")


def one_that_ends_when_asked(fleet):
    """Its time is over, and its init is there to look."""
    got = run(fleet, code="trap 'echo last >>f; exit' TERM; echo x >f; "
              "sleep 60 & wait", fetch_files=[{"path": "f"}],
              limits={"wall_time_ms": 300})
    same(got["status"], "time_limit_exceeded", "status")
    same(got["files"][0]["content"], b"x\nlast\n", "content")


def a_killed_box_has_none(fleet):
    got = run(fleet, code="trap '' TERM; echo x >f; sleep 60",
              fetch_files=[{"path": "f"}], limits={"wall_time_ms": 300})
    same(got["status"], "time_limit_exceeded", "status")
    same(got.get("files"), None, "files")
    assert any("not brought back" in w for w in got["warnings"]), got


# ---- artifacts -------------------------------------------------------------


def artifacts_come_back(fleet):
    got = succeeds(fleet, files=[
        {"path": "artifacts/old.txt", "content": b"old"},
        {"path": "artifacts/changed.csv", "content": b"a"},
        {"path": "main.sh", "content": b"mkdir -p artifacts/plots; "
         b"printf '\\211PNG' >artifacts/plots/p.png; "
         b"printf b >>artifacts/changed.csv; echo no >elsewhere"}],
        entrypoint="main.sh")
    same(got["artifacts"], [
        {"name": "changed.csv", "path": "/workspace/artifacts/changed.csv",
         "type": "text/csv", "size_bytes": 2, "sha256": sha(b"ab"),
         "content": b"ab"},
        {"name": "plots/p.png", "path": "/workspace/artifacts/plots/p.png",
         "type": "image/png", "size_bytes": 4, "sha256": sha(b"\x89PNG"),
         "content": b"\x89PNG"}], "artifacts")
    same(got["limits"]["max_artifacts"], 100, "limits")
    same(got.get("warnings"), None, "warnings")


def they_have_limits(fleet):
    code = "mkdir artifacts; cd artifacts; for i in 1 2 3 4; do " \
           "printf 0123456789 >$i; done"
    got = succeeds(fleet, code=code, limits={"max_artifacts": 3})
    same(len(got["artifacts"]), 3, "artifacts")
    assert got["warnings"][0].startswith("artifacts: 1 files more than "), got
    got = succeeds(fleet, code=code, limits={"artifact_bytes": 25})
    same(sorted("content" in a for a in got["artifacts"]),
         [False, False, True, True], "with content")
    same([a["size_bytes"] for a in got["artifacts"]], [10] * 4, "sizes")
    assert got["warnings"][0].startswith("artifacts: 2 files are named w"), got
    got = succeeds(fleet, code=code, limits={"max_artifacts": 0})
    same((got.get("artifacts"), got.get("warnings")), (None, None), "none")


def a_failed_job_has_them_too(fleet):
    got = run(fleet, code="mkdir artifacts; echo x >artifacts/log; exit 1")
    same(got["status"], "nonzero_exit", "status")
    same(got["artifacts"][0]["content"], b"x\n", "content")


# Everything that is in the way, and one good file among it.
ODD = r"""
import os, socket
os.makedirs("artifacts/deep/" + "d/" * 200)
os.chdir("artifacts")
os.symlink("/", "root")
os.symlink("loop", "loop")
socket.socket(socket.AF_UNIX).bind("socket")
os.mkfifo("fifo")
open(b"bad \xff\xfe name", "w").write("1")
open("new\nline", "w").write("2")
os.mkdir("dark")
os.chmod("dark", 0)
with open("sparse", "w") as f:
    f.truncate(5 << 20)
open("good", "w").write("good")
if os.fork() == 0:
    os.setsid()
    while True:
        for a, b in (("good", "other"), ("other", "good")):
            try:
                os.rename(a, b)
            except OSError:
                pass
"""


def odd_things_do_no_harm(fleet):
    got = succeeds(fleet, language="python", code=ODD)
    names = [a["name"] for a in got["artifacts"]]
    # By its bytes: '?' is what the bad ones were made of after sorting.
    same(sorted(set(names) - {"good", "other"}),
         ["bad ?? name", "new\nline", "sparse"], "names")
    same(len(names), 4, "one of good and other, and the rest")
    contents = {a["name"]: a.get("content") for a in got["artifacts"]}
    same(contents["sparse"], None, "5 MiB of holes")
    same(contents.get("good", contents.get("other")), b"good", "content")
    same(len(got["warnings"]), 6, f"warnings {got['warnings']}")


# ---- what does not fit -----------------------------------------------------


def too_much_is_told(fleet):
    got = succeeds(fleet, code="mkdir artifacts; head -c 200000 /dev/urandom "
                   ">artifacts/a; head -c 90000 /dev/urandom >b; "
                   "head -c 400000 /dev/urandom >c; "
                   "head -c 100000 /dev/zero | tr '\\0' x",
                   fetch_files=[{"path": "b"}, {"path": "c"}])
    same(len(got["files"][0]["content"]), 90000, "the first")
    same(("content" in got["files"][1], got["files"][1]["truncated"],
          got["files"][1]["size_bytes"]), (False, True, 400000), "the second")
    same((got["artifacts"][0]["size_bytes"],
          "content" in got["artifacts"][0]), (200000, False), "the artifact")
    same(len(got["stdout"]), 100000, "output")
    warnings = "; ".join(got["warnings"])
    assert "fetch_files: c: its 400000 bytes are not here" in warnings, got
    assert f"the result may have {RESULT_MAX} bytes" in warnings, warnings


def dry_run_says_the_limits(fleet):
    got = succeeds(fleet, code="true", dry_run=True,
                   limits={"max_artifacts": 7})
    same((got["limits"]["max_artifacts"], got["limits"]["artifact_bytes"]),
         (7, 1048576), "limits")


def main():
    tap = Tap()
    settings = {"result.max_bytes": RESULT_MAX}
    with Fleet(workers=1, slots=4, settings=settings) as fleet:
        tap.case("files that are asked for come back", files_come_back, fleet)
        tap.case("one that is missing is an error, after a success only",
                 a_missing_one_is_an_error, fleet)
        tap.case("folders and links are no files", nothing_else_is_a_file,
                 fleet)
        tap.case("a job that ends when it is asked to still has its files",
                 one_that_ends_when_asked, fleet)
        tap.case("a box that is killed brings nothing back",
                 a_killed_box_has_none, fleet)
        tap.case("what is new in artifacts comes back", artifacts_come_back,
                 fleet)
        tap.case("artifacts have limits, and say so", they_have_limits, fleet)
        tap.case("a job that fails has artifacts too",
                 a_failed_job_has_them_too, fleet)
        tap.case("odd things in their place do no harm",
                 odd_things_do_no_harm, fleet)
        tap.case("what does not fit into the result is told",
                 too_much_is_told, fleet)
        tap.case("a dry run says the limits", dry_run_says_the_limits, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
