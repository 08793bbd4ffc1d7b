#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The judge of runs under faults, judged: a good history is found good, and
every violation planted into it is found, by the check that it is for and by no
other. No broker, no worker."""

import base64
import copy
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "fault"), str(ROOT / "tests" / "lib")]

import checker  # noqa: E402
from fleet import Tap, same  # noqa: E402

TOPIC = "t.jobs.default"
# One partition, offsets 0 to 5; 3 is no job. Job b, offset 1, was run twice:
# w1 was killed under it at 104.
JOBS = {0: "a", 1: "b", 2: "c", 4: "d", 5: "e"}


# ---- metadata, made here as offsets_set.h tells it --------------------------


def leb(value):
    raw = []
    while value > 127:
        raw.append(value & 127 | 128)
        value >>= 7
    return bytes([*raw, value])


def metadata(low, payload, kind=1, epochs=b"\0\0"):
    raw = bytes([kind]) + leb(low) + epochs + payload
    return "fy1." + base64.b64encode(
        raw + zlib.crc32(raw).to_bytes(4, "big")).decode()


def runs(low, *numbers):
    return metadata(low, b"".join(leb(n) for n in numbers))


# ---- a good history ---------------------------------------------------------


def ack(t, offset, job, want=("success", "x\n")):
    return {"e": "ack", "t": t, "topic": TOPIC, "p": 0, "o": offset,
            "job": job, "want": list(want) if job else None}


def start(ts, job, worker="w1"):
    return {"e": "start", "t": ts, "ts": ts, "job": job, "worker": worker}


def result(ts, job, offset, worker="w1", **more):
    return {"e": "result", "t": ts, "ts": ts, "job": job, "key": job, "p": 1,
            "o": int(ts * 10), "status": "success", "out": "x\n",
            "worker": worker, "src": [TOPIC, 0, offset], **more}


def commit(ts, low, meta=""):
    return {"e": "commit", "t": ts, "ts": ts, "topic": TOPIC, "p": 0,
            "low": low, "meta": meta}


def good():
    lines = [{"e": "run", "t": 99, "faults_least": 1, "stall": 8,
              "allow": []}]
    lines += [{"e": "resources", "t": 99, "when": "before", "worker": "w1",
               "fds": {"engine": 30, "launcher": 10}, "slack": 0}]
    lines += [ack(100 + o / 10, o, job) for o, job in JOBS.items()]
    lines += [ack(100.3, 3, None)]
    lines += [start(101, "a"), start(101.1, "b"), start(101.2, "c"),
              result(102, "a", 0), result(102.1, "c", 2),
              {"e": "dead", "t": 102.2, "ts": 102.2, "src": [TOPIC, 0, 3]},
              commit(103, 1, runs(1, 1, 2)),
              {"e": "fault", "t": 104, "id": 1, "kind": "kill", "bound": 6,
               "settle": 3},
              {"e": "exit", "t": 104.1, "worker": "w1", "asked": "kill",
               "code": -9},
              {"e": "healed", "t": 104.2, "id": 1},
              start(106, "b", "w2"), start(106.1, "d", "w2"),
              start(106.2, "e", "w2"),
              result(107, "b", 1, "w2"), result(107.2, "e", 5, "w2"),
              commit(108, 4, runs(4, 1, 1)),
              result(109, "d", 4, "w2"), commit(109.5, 6),
              {"e": "resources", "t": 110, "when": "after", "worker": "w1",
               "fds": {"engine": 36, "launcher": 10}, "slack": 6},
              {"e": "exit", "t": 111, "worker": "w1", "asked": "term",
               "code": 0},
              {"e": "left", "t": 112, "processes": [], "cgroups": []},
              {"e": "end", "t": 113, "complete": True, "why": None}]
    return lines


def of(lines, kind, **wanted):
    """The one line that is like this."""
    found = [line for line in lines if line["e"] == kind and
             all(line[k] == v for k, v in wanted.items())]
    same(len(found), 1, f"lines {kind} {wanted}")
    return found[0]


# ---- what is planted: a change of the good one, the check that must tell ----


def without(kind, **wanted):
    return lambda lines: lines.remove(of(lines, kind, **wanted))


def change(kind, wanted, **new):
    return lambda lines: of(lines, kind, **wanted).update(new)


def add(*new):
    return lambda lines: lines.extend(copy.deepcopy(new))


def second_result_elsewhere(lines):
    lines.append(result(107.1, "b", 1, "w1", p=2))


def many_starts(lines):
    lines += [start(106.3, "b", "w2"), start(106.4, "b", "w1")]


def started_twice_in_peace(lines):
    """Within no fault's time, although one touches the job's whole life."""
    of(lines, "fault", id=1).update(t=104.9, settle=0)
    of(lines, "healed", id=1).update(t=105)
    lines += [start(101.5, "b", "w2")]
    of(lines, "start", job="b", ts=106).update(ts=101.6)


def peaceful_again(lines):
    of(lines, "fault", id=1).update(settle=0)
    of(lines, "start", job="b", ts=101.1).update(ts=105)


def no_start_in_peace(lines):
    of(lines, "fault", id=1).update(t=107.05, settle=0)
    of(lines, "healed", id=1).update(t=107.08)
    of(lines, "start", job="b", ts=106).update(ts=107.1)
    lines.remove(of(lines, "start", job="c"))


def late(lines):
    of(lines, "result", job="d").update(t=110.4)
    of(lines, "commit", low=6).update(ts=110.5)
    of(lines, "run").update(stall=None)


def silent(lines):
    of(lines, "run").update(stall=3)


def still_waiting(lines):
    """To the very end, which counts as a stall too."""
    lines.remove(of(lines, "result", job="d"))
    of(lines, "run").update(stall=3.5)
    del of(lines, "fault", id=1)["bound"]
    of(lines, "result", job="b").update(t=105)
    of(lines, "result", job="a").update(t=100.5)


def zombie_that_could_know(lines):
    lines.append(start(110, "a", "w1"))
    of(lines, "fault", id=1).update(zombies=["w1"])


def zombie_beside_another(lines):
    """That another worker cannot hear does not keep this one from it."""
    lines += [{"e": "fault", "t": 105, "id": 2, "kind": "cut",
               "settle": 3, "zombies": ["w2"]},
              {"e": "healed", "t": 109, "id": 2}]
    zombie_that_could_know(lines)


def zombie_short_of_copies(lines):
    """A topic that lacks copies takes no results, and tells all else."""
    lines += [{"e": "fault", "t": 105, "id": 2, "kind": "min-isr",
               "settle": 3}, {"e": "healed", "t": 109, "id": 2}]
    zombie_that_could_know(lines)


def zombie_started_anew(lines):
    """The next process was told before its first job."""
    lines += [{"e": "spawn", "t": 104.3, "worker": "w1", "pid": 7},
              start(105, "a", "w1")]
    of(lines, "fault", id=1).update(zombies=["w1"])


def zombie_is_another(lines):
    lines.append(start(105, "a", "w2"))
    of(lines, "fault", id=1).update(zombies=["w1"])


def lost_without_offset(lines):
    of(lines, "ack", o=0).update(o=None)
    lines.remove(of(lines, "result", job="a"))


PLANTED = [
    ("no end", "complete", without("end")),
    ("an end that was not reached", "complete",
     change("end", {}, complete=False, why="x")),
    ("a fault that never ended", "complete", without("healed", id=1)),
    ("fewer faults than were to be", "complete",
     change("run", {}, faults_least=2)),
    ("no line of the run", "complete", without("run")),
    ("a job without result", "finished watermark",
     without("result", job="d")),
    ("poison without dead letter", "finished watermark", without("dead")),
    ("results in two partitions", "visible", second_result_elsewhere),
    ("a result of a job nobody sent", "visible",
     add(result(105, "zzz", 9))),
    ("a result under another key", "visible",
     change("result", {"job": "a"}, key="b")),
    ("a wrong status", "visible",
     change("result", {"job": "a"}, status="internal_error")),
    ("another job's output", "visible",
     change("result", {"job": "a"}, out="y\n")),
    ("a dead letter of a job", "visible",
     add({"e": "dead", "t": 105, "ts": 105, "src": [TOPIC, 0, 0]})),
    ("a watermark past an unfinished job", "watermark",
     change("commit", {"low": 4}, low=5, meta="")),
    ("... past one that finished a moment later", "watermark",
     change("commit", {"low": 6}, ts=108.999)),
    ("... past poison without its dead letter", "watermark",
     change("dead", {}, ts=104)),
    ("a finished set with an unfinished job", "watermark",
     change("commit", {"low": 4}, meta=runs(4, 0, 2))),
    ("... as bitmap", "watermark",
     change("commit", {"low": 4}, meta=metadata(4, b"\x03", 2))),
    ("... of a poison that was not buried", "watermark",
     change("commit", {"low": 1}, ts=102.15, meta=runs(1, 1, 2))),
    ("metadata with a wrong checksum", "watermark",
     lambda lines: of(lines, "commit", low=4).update(
         meta=of(lines, "commit", low=4)["meta"][:-2] + "AA")),
    ("metadata of another offset", "watermark",
     change("commit", {"low": 4}, meta=runs(5, 1, 1))),
    ("metadata that is none", "watermark",
     change("commit", {"low": 4}, meta="abc")),
    ("metadata cut short", "watermark",
     change("commit", {"low": 4}, meta="fy1.AQQ=")),
    ("metadata of an unknown kind", "watermark",
     change("commit", {"low": 4}, meta=metadata(4, b"\x01\x01", 3))),
    ("a watermark that stays behind", "caught-up",
     change("commit", {"low": 6}, low=5)),
    ("a partition never committed", "caught-up",
     lambda lines: [lines.remove(line) for line in list(lines)
                    if line["e"] == "commit"]),
    ("more starts than faults", "executions", many_starts),
    ("a second start while there was no fault", "executions",
     peaceful_again),
    ("a result without record of its start", "executions",
     no_start_in_peace),
    ("no result of a job at an offset that nobody told", "finished",
     lost_without_offset),
    ("a start after the commit of its end", "not-again",
     add(start(105, "a", "w2"))),
    ("... by a zombie of long ago", "not-again",
     zombie_that_could_know),
    ("... while another worker cannot hear", "not-again",
     zombie_beside_another),
    ("... while only copies are missing", "not-again",
     zombie_short_of_copies),
    ("... by the process after the zombie", "not-again",
     zombie_started_anew),
    ("... by a worker beside the zombie", "not-again", zombie_is_another),
    ("... of one in the finished set", "not-again",
     add(start(105, "c", "w2"))),
    ("a worker that ended by itself", "leaks",
     change("exit", {"t": 104.1}, asked="none")),
    ("a worker that was asked to end, and failed", "leaks",
     change("exit", {"t": 111}, code=1)),
    ("a process left", "leaks", change("left", {}, processes=[7])),
    ("a cgroup left", "leaks", change("left", {}, cgroups=["/x"])),
    ("nobody looked at what is left", "leaks", without("left")),
    ("descriptors of the engine", "leaks",
     change("resources", {"when": "after"},
            fds={"engine": 37, "launcher": 10})),
    ("descriptors of the launcher", "leaks",
     change("resources", {"when": "after"},
            fds={"engine": 30, "launcher": 17})),
    ("recovery past its bound", "recovery", late),
    ("no result for long while jobs wait", "recovery", silent),
    ("a job that waits to the end", "recovery finished watermark",
     still_waiting),
]


# ---- what looks like one, and is none ---------------------------------------


def zombie(lines):
    lines.append(start(105, "a", "w1"))
    of(lines, "fault", id=1).update(zombies=["w1"])


def zombie_without_broker(lines):
    """No broker was there to tell it when it came back."""
    lines += [{"e": "fault", "t": 105, "id": 2, "kind": "broker-kill",
               "settle": 3}, {"e": "healed", "t": 109, "id": 2},
              start(110, "a", "w1")]
    of(lines, "fault", id=1).update(zombies=["w1"])


def zombie_cut_off_again(lines):
    """It never heard, and then could not any more."""
    lines += [{"e": "fault", "t": 105, "id": 2, "kind": "cut", "settle": 3,
               "zombies": ["w1"]}, {"e": "healed", "t": 109, "id": 2},
              start(110, "a", "w1")]
    of(lines, "fault", id=1).update(zombies=["w1"])


def forgotten(lines):
    lines.append(start(105, "a", "w2"))
    of(lines, "fault", id=1).update(forgets=True)


def sent_twice(lines):
    lines += [ack(100.7, 6, "a"), start(109.6, "a", "w2"),
              result(109.7, "a", 6, "w2"), commit(109.8, 7)]


def maybe_sent(lines):
    """No answer to the second send; it was in the log, before all."""
    lines += [{"e": "nack", "t": 100.9, "job": "a"}, start(102.5, "a")]


def offset_not_told(lines):
    """It was in the log already when it was sent again."""
    of(lines, "ack", o=0).update(o=None)


def forged(lines):
    junk = [TOPIC, 0, 1, "fy1.junk"]
    lines.append(commit(104.5, 1, junk[3]))
    lines.sort(key=lambda line: line["t"])
    of(lines, "fault", id=1).update(forged=[junk], forgets=True)


def another_status_hidden(lines):
    lines.append(result(108.5, "b", 1, "w1", status="internal_error"))


def allowed(lines):
    of(lines, "result", job="a").update(status="internal_error", out=None)
    of(lines, "run").update(allow=["internal_error"])


def set_as_bitmap(lines):
    of(lines, "commit", low=4).update(meta=metadata(4, b"\x02", 2))


def offsets_deleted(lines):
    lines.append({**commit(104.5, None), "low": None})
    lines.sort(key=lambda line: line["t"])


def drained_without_broker(lines):
    lines += [{"e": "fault", "t": 109.9, "id": 2, "kind": "broker-kill"},
              {"e": "healed", "t": 112, "id": 2}]
    of(lines, "exit", t=111).update(code=1)


def refused_without_start(lines):
    lines += [ack(100.7, 6, "f", ("validation_error", None)),
              result(102.3, "f", 6, status="validation_error", out=None),
              commit(109.8, 7)]


HARMLESS = [
    ("as it was", lambda lines: None),
    ("a zombie starts what is committed", zombie),
    ("... and one that no broker could tell", zombie_without_broker),
    ("... and one that was cut off before it heard", zombie_cut_off_again),
    ("all runs again after offsets were deleted", forgotten),
    ("a job sent twice and run twice", sent_twice),
    ("a send without answer, run", maybe_sent),
    ("an acknowledgement without an offset", offset_not_told),
    ("a forged commit", forged),
    ("a hidden duplicate of another status", another_status_hidden),
    ("a status that the fault may give", allowed),
    ("a finished set as bitmap", set_as_bitmap),
    ("a tombstone among the commits", offsets_deleted),
    ("a drain that no broker lets end well", drained_without_broker),
    ("a refused job, which is never started", refused_without_start),
]


def judged(plant):
    lines = good()
    plant(lines)
    return checker.judge(checker.History(lines))


def is_found(checks, plant):
    """By these checks, and by no other."""
    found = judged(plant)
    same(sorted(found), sorted(checks.split()), f"who found it: {found}; by")


def is_harmless(plant):
    same(judged(plant), {}, "violations")


def counts_hidden():
    figures = checker.figures(checker.History(
        [*good(), result(108.5, "b", 1, "w1", status="internal_error")]))
    same((figures["accepted"], figures["hidden_duplicates"],
          figures["hidden_of_another_status"], figures["starts"],
          figures["poison"]), (5, 1, 1, 6, 1), "figures")


def program_tells(lines, status, words):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write("".join(json.dumps(line) + "\n" for line in lines))
        f.flush()
        done = subprocess.run(
            [sys.executable, ROOT / "tests" / "fault" / "checker.py", f.name],
            stdout=subprocess.PIPE, check=False)
    same(done.returncode, status, "exit status")
    assert words in done.stdout.decode(), done.stdout.decode()


def reads_sets():
    same(checker.finished_set("", 5), [], "no metadata")
    same(checker.finished_set(runs(300, 0, 1, 200, 3), 300),
         [(300, 301), (501, 504)], "runs")
    same(checker.finished_set(metadata(9, b"\x05", 2, b"\x07\x02"), 9),
         [(9, 10), (11, 12)], "bitmap with epochs")


def reads_workers_sets():
    """As workers wrote them into a group."""
    same(checker.finished_set("fy1.ATcBAAEZrFPodA==", 55), [(56, 81)], "runs")
    same(checker.finished_set("fy1.AgoBAA41JQMp", 10),
         [(11, 12), (12, 13), (13, 14)], "bitmap")


def main():
    tap = Tap()
    for name, plant in HARMLESS:
        tap.case(f"harmless: {name}", is_harmless, plant)
    for name, check, plant in PLANTED:
        tap.case(f"found: {name}", is_found, check, plant)
    tap.case("duplicates are counted", counts_hidden)
    tap.case("finished sets are read", reads_sets)
    tap.case("... those of workers too", reads_workers_sets)
    tap.case("the program: good", program_tells, good(), 0, '"accepted": 5')
    tap.case("the program: a violation", program_tells,
             [line for line in good() if line["e"] != "left"], 1,
             "VIOLATION leaks")
    tap.done()


main()
