#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`forkyard dead`: what was buried is seen, sent again as it came, and
deleted.
kafka: classic
timeout: 90
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, DEADLINE_S, Fleet, Tap, same  # noqa: E402

POISON = b"\xc1 no job \x1b[31m at all"
SPENT = msgpack.packb({"job_id": "spent", "tenant_id": "acme",
                       "language": "shell", "code": "exit 3",
                       "retry_on": ["nonzero_exit"], "max_attempts": 2})


def dead(fleet, *words):
    """(exit code, stdout, stderr)"""
    done = subprocess.run(
        [FORKYARD, "dead", *words, "--brokers", fleet.kafka, "--set",
         f"topics.prefix={fleet.topic_prefix}"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S,
        check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def listed(fleet, *words):
    code, out, err = dead(fleet, "list", "--json", *words)
    same(code, 0, f"exit code ({err})")
    return [json.loads(line) for line in out.splitlines()]


def place(letter):
    return f"{letter['partition']}:{letter['offset']}"


def the_one(fleet, *words):
    found = listed(fleet, *words)
    same(len(found), 1, f"letters of {words}")
    return found[0]


def wait_letters(fleet, count):
    fleet.tail("dead").wait(lambda records: len(records) >= count,
                            what=f"{count} dead letters")


def none_yet(fleet):
    same(dead(fleet, "list")[:2], (0, b""), "list")
    same("no dead letters" in dead(fleet, "list")[2], True, "words")
    same(listed(fleet), [], "list --json")


def are_listed(fleet):
    fleet.produce(POISON, key="poison", headers=[("mine", "1")])
    fleet.produce(SPENT, key="spent", headers=[
        ("traceparent", "00-x"), ("attempt", "1"), ("mine", "2")])
    wait_letters(fleet, 2)
    found = {letter["key"]: letter for letter in listed(fleet)}
    same(set(found), {"poison", "spent"}, "keys")
    same((found["poison"]["stage"], found["poison"]["job_id"],
          found["poison"]["topic"]),
         ("decode", None, fleet.topic("jobs.default")), "the poison")
    same({k: found["spent"][k] for k in (
        "stage", "reason", "job_id", "tenant_id", "attempt", "size_bytes")},
         {"stage": "run", "reason": "attempts_spent", "job_id": "spent",
          "tenant_id": "acme", "attempt": 2, "size_bytes": len(SPENT)},
         "the job")
    code, out, err = dead(fleet, "list")
    same((code, err, len(out.splitlines())), (0, "", 3), "the table")
    same(b"\x1b" in out, False, "escapes in the table")


def are_filtered(fleet):
    same(the_one(fleet, "--job", "spent")["job_id"], "spent", "--job")
    same(the_one(fleet, "--tenant", "acme")["job_id"], "spent", "--tenant")
    same(the_one(fleet, "--reason", "attempts_spent")["job_id"], "spent",
         "--reason")
    same(len(listed(fleet, "--topic", fleet.topic("jobs.default"))), 2,
         "--topic")
    same(len(listed(fleet, "--since", "1h")), 2, "--since")
    same(len(listed(fleet, "--limit", "1")), 1, "--limit")
    same(listed(fleet, "--job", "other"), [], "another job")
    same(listed(fleet, "--since", "1ms"), [], "of this moment")


def are_shown(fleet):
    poison = place(next(l for l in listed(fleet) if l["key"] == "poison"))
    spent = place(the_one(fleet, "--job", "spent"))
    for where, value in ((poison, POISON), (spent, SPENT)):
        code, out, err = dead(fleet, "show", where, "--raw")
        same((code, out, err), (0, value, ""), f"{where} --raw")
    code, out, err = dead(fleet, "show", poison)
    same((code, b"\x1b" in out, b"no msgpack" in out, err),
         (0, False, True, ""), "the poison")
    code, out, err = dead(fleet, "show", spent, poison)
    same((code, err), (0, ""), "two of them")
    same(b'"code": "exit 3"' in out and b"traceparent: 00-x" in out, True,
         f"the job: {out}")
    code, out, _ = dead(fleet, "show", spent, "--json")
    shown = json.loads(out)
    same((shown["job"]["job_id"], shown["headers"]["mine"]), ("spent", "2"),
         "as JSON")


def nothing_without_yes(fleet):
    spent = place(the_one(fleet, "--job", "spent"))
    jobs = len(fleet.tail("jobs.default").records)
    for words in (("redrive", spent), ("redrive", "--all"), ("purge", spent)):
        code, _, err = dead(fleet, *words)
        same((code, "--yes" in err), (1, True), f"{words} ({err})")
        code, _, err = dead(fleet, *words, "--dry-run")
        same(code, 0, f"{words} --dry-run ({err})")
    same(len(fleet.tail("jobs.default").records), jobs, "jobs")
    same(len(listed(fleet)), 2, "letters")


def is_sent_again(fleet):
    """It fails again: another letter. Its first attempt is a first one."""
    spent = place(the_one(fleet, "--job", "spent"))
    code, out, err = dead(fleet, "redrive", spent, "--yes", "--json")
    same((code, json.loads(out)), (0, {"redriven": 1, "dry_run": False}),
         f"redrive ({err})")
    jobs = fleet.tail("jobs.default")
    jobs.wait(lambda records: sum(r.key == b"spent" for r in records) >= 3,
              what="the job again, and its second attempt")
    again = jobs.with_key("spent")[-2:]
    again = next(r for r in again if "attempt" not in r.headers)
    same((again.value, again.headers),
         (SPENT, {"traceparent": "00-x", "mine": "2",
                  "forkyard.redriven.from": spent}), "the job as sent again")
    wait_letters(fleet, 3)
    same([letter["attempt"] for letter in listed(fleet, "--job", "spent")],
         [2, 2], "attempts of its letters")


def all_are_sent_again(fleet):
    code, _, err = dead(fleet, "redrive", "--all", "--topic",
                        fleet.topic("jobs.default"), "--job", "spent",
                        "--limit", "1", "--queue", "default", "--yes")
    same((code, "1 job" in err), (0, True), f"redrive --all ({err})")
    wait_letters(fleet, 4)


def of_no_queue(fleet):
    """A waiting job that nobody can bring back came from no topic of jobs."""
    fleet.produce(SPENT, key="stray", topic="retry.5s")
    wait_letters(fleet, 5)
    stray = place(the_one(fleet, "--reason", "not_returnable"))
    code, _, err = dead(fleet, "redrive", stray, "--yes")
    same((code, "--queue" in err, "retry.5s" in err), (1, True, True),
         f"redrive ({err})")
    code, _, err = dead(fleet, "redrive", stray, "--queue", "default", "--yes")
    same(code, 0, f"redrive --queue ({err})")
    wait_letters(fleet, 6)


def wrong_words(fleet):
    for words, text in (
            ((), "say list, show"), (("bury",), "say list, show"),
            (("show",), "say which"), (("redrive",), "say which"),
            (("purge",), "say which"), (("show", "7"), "PARTITION:OFFSET"),
            (("show", "a:b"), "PARTITION:OFFSET"),
            (("show", "1:-1"), "PARTITION:OFFSET"),
            (("redrive", "0:0", "--all"), "not both"),
            (("redrive", "--all", "--queue", "nope"), "topics.queues"),
            (("purge", "--all", "--job", "x"), "from the oldest on")):
        code, out, err = dead(fleet, *words)
        same((code, out, text in err), (2, b"", True), f"{words}: {err}")
    for where, text in (("99999:0", "has partitions 0 to"),
                        ("0:99999", "has no record 0:99999")):
        code, out, err = dead(fleet, "show", where)
        same((code, out, text in err), (1, b"", True), f"{where}: {err}")


def are_deleted(fleet):
    """One, and what is older in its partition; then all."""
    letters = listed(fleet, "--job", "spent")
    first = min(letters, key=lambda letter: letter["offset"])
    code, _, err = dead(fleet, "purge", place(first), "--yes")
    same(code, 0, f"purge ({err})")
    left = [place(letter) for letter in listed(fleet)]
    same(place(first) in left, False, "it is gone")
    code, out, err = dead(fleet, "purge", "--all", "--yes", "--json")
    same((code, all(json.loads(line)["deleted"] for line in out.splitlines())),
         (0, True), f"purge --all ({err})")
    same(listed(fleet), [], "letters left")
    fleet.produce(POISON, key="poison")
    wait_letters(fleet, 7)
    same(len(listed(fleet)), 1, "a new letter")


def main():
    tap = Tap()
    with Fleet(settings={"topics.queues": "default"}) as fleet:
        for topic in ("dead", "jobs.default"):
            fleet.tail(topic)
        tap.case("none yet", none_yet, fleet)
        tap.case("letters are listed", are_listed, fleet)
        tap.case("letters are filtered", are_filtered, fleet)
        tap.case("letters are shown, raw ones as they came", are_shown, fleet)
        tap.case("nothing is done without --yes", nothing_without_yes, fleet)
        tap.case("a job is sent again as it came", is_sent_again, fleet)
        tap.case("all that match are sent again", all_are_sent_again, fleet)
        tap.case("one of no queue needs --queue", of_no_queue, fleet)
        tap.case("wrong words are told", wrong_words, fleet)
        if os.environ.get("TEST_KAFKA"):
            # the embedded broker cannot delete records
            tap.case("letters are deleted", are_deleted, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
