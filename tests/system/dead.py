#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`forkyard dead`: what was buried is seen, sent again as it came, and
deleted.
kafka: classic
timeout: 90
"""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import kafka  # noqa: E402
from fleet import FORKYARD, DEADLINE_S, Fleet, Tap, same  # noqa: E402

POISON = b"\xc1 no job \x1b[31m at all"
LARGE = b"\xc1" + b"x" * 2_500_000  # over what librdkafka sends by default
ODD = "\udcff"  # a byte that is no text, as the kernel is told of it
SPENT = msgpack.packb({"job_id": "spent", "tenant_id": "acme",
                       "language": "shell", "code": "exit 3",
                       "retry_on": ["nonzero_exit"], "max_attempts": 2})


def command(fleet, *words):
    return [FORKYARD, "dead", "--brokers", fleet.kafka, "--set",
            f"topics.prefix={fleet.topic_prefix}", *words]


def dead(fleet, *words):
    """(exit code, stdout, stderr)"""
    done = subprocess.run(
        command(fleet, *words), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S,
        check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def on_terminal(fleet, answer, *words):
    """(exit code, stdout, what the terminal shows)"""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    with subprocess.Popen(command(fleet, *words), stdin=theirs, stderr=theirs,
                          stdout=subprocess.PIPE) as process:
        out = process.stdout.read()
        code = process.wait(DEADLINE_S)
    os.close(theirs)
    shown = b""
    try:
        while not shown.endswith(b"never"):
            shown += os.read(ours, 4096)
    except OSError:
        pass  # the other end is closed, and all is read
    os.close(ours)
    return code, out, shown.decode()


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
    fleet.produce(POISON, key="poison", headers=[
        ("mine", "1"), ("mine", "2"), ("odd", ODD)])
    fleet.produce(SPENT, key="spent", headers=[
        ("traceparent", "00-x"), ("attempt", "1"), ("mine", "2")])
    wait_letters(fleet, 2)
    found = {letter["key"]: letter for letter in listed(fleet)}
    same(set(found), {"poison", "spent"}, "keys")
    same((found["poison"]["stage"], found["poison"]["job_id"],
          found["poison"]["topic"]),
         ("decode", None, fleet.topic("jobs.default")), "the poison")
    same({k: found["spent"][k] for k in (
        "stage", "reason", "job_id", "tenant_id", "attempt", "size_bytes",
        "redriven_from")},
         {"stage": "run", "reason": "attempts_spent", "job_id": "spent",
          "tenant_id": "acme", "attempt": 2, "size_bytes": len(SPENT),
          "redriven_from": None},
         "the job")
    code, out, err = dead(fleet, "list")
    same((code, err, len(out.splitlines())), (0, "", 3), "the table")
    same(b"\x1b" in out, False, "escapes in the table")
    row = next(r for r in out.decode().splitlines() if " spent " in r).split()
    same((row[2:7], row[7:9]),
         (["attempts_spent", "run", "spent", "acme", "2"], ["attempt", "2"]),
         "its row")


def are_filtered(fleet):
    same(the_one(fleet, "--job", "spent")["job_id"], "spent", "--job")
    same(the_one(fleet, "--tenant", "acme")["job_id"], "spent", "--tenant")
    same(the_one(fleet, "--reason", "attempts_spent")["job_id"], "spent",
         "--reason")
    same(the_one(fleet, "--stage", "decode")["key"], "poison", "--stage")
    for topic in ("jobs.default", fleet.topic("jobs.default")):
        same(len(listed(fleet, "--topic", topic)), 2, "--topic")
    same(listed(fleet, "--topic", "default"), [], "half a topic")
    same(len(listed(fleet, "--since", "1h")), 2, "--since")
    same(len(listed(fleet, "--since", "2026-01-31T14:05:00Z")), 2,
         "--since a time")
    same(listed(fleet, "--until", "1h"), [], "--until")
    same(len(listed(fleet, "--until", "2099-01-31T14:05:00+01:00")), 2,
         "--until a time")
    same(len(listed(fleet, "--limit", "1")), 1, "--limit")
    same(listed(fleet, "--job", "other"), [], "another job")
    same(listed(fleet, "--job", "spent", "--stage", "decode"), [], "both")
    same(listed(fleet, "--since", "1ms"), [], "of this moment")
    same(dead(fleet, "list", "--tenant", "other")[2].endswith(
        "no dead letters match\n"), True, "words when none match")


def are_shown(fleet):
    poison = place(next(l for l in listed(fleet) if l["key"] == "poison"))
    spent = place(the_one(fleet, "--job", "spent"))
    for where, value in ((poison, POISON), (spent, SPENT)):
        code, out, err = dead(fleet, "show", where, "--raw")
        same((code, out, err), (0, value, ""), f"{where} --raw")
    code, out, err = dead(fleet, "show", poison)
    same((code, b"\x1b" in out, b"no msgpack" in out,
          b"would not run it: undecodable" in out, err),
         (0, False, True, True, ""), f"the poison: {out}")
    code, out, err = dead(fleet, "show", spent, poison, spent)
    same((code, err, out.count(b"dead letter ")), (0, "", 2), "two of them")
    same(b'"code": "exit 3"' in out and b"traceparent: 00-x" in out and
         b"a worker would run it" in out, True, f"the job: {out}")
    code, out, _ = dead(fleet, "show", spent, "--json")
    shown = json.loads(out)
    same((shown["job"]["job_id"], shown["headers"]["mine"], shown["problem"]),
         ("spent", "2", None), "as JSON")
    code, out, _ = dead(fleet, "show", poison, "--json")
    shown = json.loads(out)
    same((shown["job"], shown["problem"].split(":")[0],
          shown["headers"]["mine"], shown["headers"]["odd"]),
         (None, "undecodable", ["2", "1"], {"base64": "/w=="}),
         "the poison as JSON")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command(fleet, "show", poison, "--raw"),
                              stdout=full, stderr=subprocess.PIPE, check=False)
    same((done.returncode, b"No space" in done.stderr), (1, True),
         "bytes that cannot be written")


def nothing_without_yes(fleet):
    spent = place(the_one(fleet, "--job", "spent"))
    jobs = len(fleet.tail("jobs.default").records)
    for words in (("redrive", spent), ("redrive", "--all"), ("purge", spent),
                  ("purge", "--all"), ("purge", "--before", spent, spent)):
        code, _, err = dead(fleet, *words)
        same((code, "--yes" in err), (1, True), f"{words} ({err})")
        for more in (("--dry-run",), ("--dry-run", "--yes")):
            code, _, err = dead(fleet, *words, *more)
            same(code, 0, f"{words} {more} ({err})")
    code, out, err = dead(fleet, "purge", spent, "--dry-run", "--json")
    offset = int(spent.partition(":")[2])
    same((code, json.loads(out)), (0, {
        "partition": int(spent.partition(":")[0]), "first": 0,
        "before": offset + 1, "letters_at_most": offset + 1,
        "deleted": False}), f"purge --dry-run --json ({err})")
    code, out, shown = on_terminal(fleet, b"n\n", "purge", "--all")
    same((code, out, "letter(s) at most" in shown, "[y/N]" in shown,
          "nothing is deleted" in shown), (1, b"", True, True, True),
         f"no, on a terminal: {shown}")
    same(len(fleet.tail("jobs.default").records), jobs, "jobs")
    same(len(listed(fleet)), 2, "letters")


def is_sent_again(fleet):
    """It fails again: another letter. Its first attempt is a first one."""
    spent = place(the_one(fleet, "--job", "spent"))
    code, out, err = dead(fleet, "redrive", spent, spent, "--yes", "--json")
    same((code, json.loads(out)),
         (0, {"redriven": 1, "refused": 0, "failed": 0, "dry_run": False}),
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
    same(sorted((letter["attempt"], letter["redriven_from"] or "")
                for letter in listed(fleet, "--job", "spent")),
         [(2, ""), (2, spent)], "its letters")


def bytes_stay_bytes(fleet):
    """What is no job, has no key, or is large, goes as it came."""
    fleet.produce(LARGE)
    wait_letters(fleet, 4)
    code, _, err = dead(fleet, "redrive", "--all", "--stage", "decode", "--yes")
    same((code, "sent again: 2 job(s)" in err, "their letters stay" in err),
         (0, True, True), f"redrive --all ({err})")
    wait_letters(fleet, 6)
    poison = fleet.tail("jobs.default").wait(
        lambda records: [r for r in records if r.value == POISON][1:] and
        [r for r in records if r.value == POISON], what="the poison again")
    same([r.key for r in poison], [b"poison"] * 2, "the poison's key")
    same(["mine=2,mine=1" in r.header_text for r in poison], [True] * 2,
         "its headers")
    large = fleet.tail("jobs.default").wait(
        lambda records: [r for r in records if r.value == LARGE][1:] and
        [r for r in records if r.value == LARGE], what="the large one again")
    same([r.key for r in large], [None] * 2, "the large one's key")


def all_are_sent_again(fleet):
    """As many as are wanted; in a queue that is named."""
    code, _, err = dead(fleet, "redrive", "--all", "--topic",
                        fleet.topic("jobs.default"), "--stage", "decode",
                        "--limit", "1", "--queue", "default", "--yes")
    same((code, "1 job" in err), (0, True), f"redrive --all ({err})")
    wait_letters(fleet, 7)
    code, out, err = dead(fleet, "redrive", "--all", "--job", "other", "--yes",
                          "--json")
    same((code, json.loads(out)["redriven"]), (0, 0), f"none ({err})")


def of_no_queue(fleet):
    """A waiting job that nobody can bring back came from no topic of jobs."""
    fleet.produce(POISON, key="stray", topic="retry.5s")
    wait_letters(fleet, 8)
    stray = place(the_one(fleet, "--reason", "not_returnable"))
    for more in ("--yes", "--dry-run"):
        code, _, err = dead(fleet, "redrive", stray, more)
        same((code, "--queue" in err, "retry.5s" in err, stray in err),
             (1, True, True, True), f"redrive {more} ({err})")
    code, _, err = dead(fleet, "redrive", stray, "--queue", "default", "--yes")
    same(code, 0, f"redrive --queue ({err})")
    wait_letters(fleet, 9)
    fleet.produce(b"", key="bare", topic="dead",
                  headers=[("forkyard.dlq.stage", "run")])
    bare = place(next(l for l in listed(fleet) if l["key"] == "bare"))
    code, out, err = dead(fleet, "redrive", bare, "--yes", "--json")
    same((code, json.loads(out)["refused"], "does not tell" in err),
         (1, 1, True), f"one that does not tell ({err})")
    code, _, err = dead(fleet, "redrive", bare, "--queue", "default", "--yes")
    same((code, "1 had a result before" in err), (0, True), f"it ({err})")
    wait_letters(fleet, 11)


def wrong_words(fleet):
    for words, text in (
            ((), "say list, show"), (("bury",), "say list, show"),
            (("show",), "say which"), (("redrive",), "say which"),
            (("purge",), "say which"), (("show", "7"), "PARTITION:OFFSET"),
            (("show", "a:b"), "PARTITION:OFFSET"),
            (("show", "1:-1"), "PARTITION:OFFSET"),
            (("show", "1:9223372036854775807"), "PARTITION:OFFSET"),
            (("purge", "--before", "x"), "PARTITION:OFFSET"),
            (("list", "0:0"), "list takes no position"),
            (("list", "--raw"), "dead list has no --raw"),
            (("list", "--yes"), "dead list has no --yes"),
            (("show", "0:0", "--job", "x"), "dead show has no --job"),
            (("show", "0:0", "--raw", "--json"), "--raw"),
            (("show", "0:0", "0:1", "--raw"), "--raw"),
            (("list", "--since", "soon"), "--since: 'soon'"),
            (("list", "--until", "2026-02-30T00:00:00Z"), "--until"),
            (("list", "--since", "1h", "--until", "2h"), "is not before"),
            (("redrive", "0:0", "--all"), "not both"),
            (("redrive", "0:0", "--job", "x"), "say --all"),
            (("redrive", "0:0", "--limit", "3"), "say --all"),
            (("redrive", "--all", "--queue", "nope"), "topics.queues"),
            (("redrive", "--all", "--older-than", "7d"), "no --older-than"),
            (("purge", "0:0", "--all"), "not both"),
            (("purge", "--before", "0:0", "--older-than", "7d"), "not both"),
            (("purge", "--older-than", "999999d"), "no Kafka then"),
            (("purge", "--all", "--job", "x"), "from the oldest on"),
            (("purge", "--all", "--limit", "1"), "from the oldest on")):
        code, out, err = dead(fleet, *words)
        same((code, out, text in err), (2, b"", True), f"{words}: {err}")
    for verb in (("show",), ("purge",), ("purge", "--before")):
        for where, text in (("99999:0", "has partitions 0 to"),
                            ("0:99999", "has no record 0:9999")):
            code, out, err = dead(fleet, *verb, where)
            same((code, out, text in err), (1, b"", True), f"{where}: {err}")


def remedies_are_told(fleet):
    elsewhere = ("--set", "topics.prefix=none.")
    for words in (("list",), ("redrive", "--all", "--yes"),
                  ("purge", "--all", "--yes")):
        code, out, err = dead(fleet, *words, *elsewhere)
        same((code, out, "none.dead" in err and "forkyard topics apply" in err),
             (1, b"", True), f"no topic: {words} ({err})")


def only_kept(fleet):
    """The embedded broker cannot delete records, and it is said."""
    code, out, err = dead(fleet, "purge", "--all", "--yes")
    same((code, out, "forkyard dev" in err), (1, b"", True), f"purge ({err})")


def of_no_topic(fleet):
    """One that is there and one that is not: the first goes out."""
    fleet.produce(POISON, key="lost", topic="dead", headers=[
        ("forkyard.dlq.topic", fleet.topic("jobs.nowhere"))])
    fleet.produce(POISON, key="found", topic="dead", headers=[
        ("forkyard.dlq.topic", fleet.topic("jobs.default"))])
    places = {l["key"]: place(l) for l in listed(fleet)
              if l["key"] in ("lost", "found")}
    code, out, err = dead(
        fleet, "redrive", *places.values(), "--yes", "--json", "--set",
        "kafka.topic.metadata.propagation.max.ms=500")
    same((code, json.loads(out), f"{places['lost']} is not sent" in err,
          "forkyard topics apply" in err),
         (1, {"redriven": 1, "refused": 0, "failed": 1, "dry_run": False},
          True, True), f"redrive ({err})")
    wait_letters(fleet, 14)


def marks_are_no_letters(fleet):
    """A transaction leaves a mark behind its records, with an offset."""
    kafka.tool(fleet.kafka, "ProducerPerformance", "--topic",
               fleet.topic("dead"), "--num-records", "1", "--record-size",
               "1", "--throughput", "-1", "--transactional-id",
               fleet.topic("marks"))
    wait_letters(fleet, 15)
    letter = next(l for l in listed(fleet) if l["key"] is None and
                  l["size_bytes"] == 1)
    mark = f"{letter['partition']}:{letter['offset'] + 1}"
    begin = time.monotonic()
    code, out, err = dead(fleet, "show", place(letter), "--raw")
    same((code, len(out)), (0, 1), f"the letter ({err})")
    code, out, err = dead(fleet, "show", mark)
    same((code, out, f"no letter is at {mark}" in err), (1, b"", True), err)
    code, out, err = dead(fleet, "show", mark, place(letter), "--json")
    same((code, len(out.splitlines())), (1, 1), f"both ({err})")
    assert time.monotonic() - begin < 20, "it waited for the mark"


def old_ones_are_deleted(fleet):
    """Between two of them that came seconds apart: a younger one keeps what
    lies behind it."""
    letters = sorted(listed(fleet), key=lambda l: l["timestamp_unix_ms"])
    times = [l["timestamp_unix_ms"] for l in letters]
    gap, old = max((b - a, a) for a, b in zip(times, times[1:]))
    assert gap > 2000, f"they came too close to each other: {times}"
    # The command begins a moment later: by less than the gap.
    ago_ms = int(time.time() * 1000) - (old + 1)
    kept = [place(l) for l in letters if l["timestamp_unix_ms"] > old or any(
        k["partition"] == l["partition"] and k["offset"] < l["offset"]
        and k["timestamp_unix_ms"] > old for k in letters)]
    assert 0 < len(kept) < len(letters), f"{len(kept)} of {len(letters)}"
    code, _, err = dead(fleet, "purge", "--older-than", f"{ago_ms}ms", "--yes")
    same(code, 0, f"purge ({err})")
    same(sorted(place(l) for l in listed(fleet)), sorted(kept), "letters left")
    code, _, err = dead(fleet, "purge", "--older-than", "1h", "--yes")
    same((code, "nothing is there" in err), (0, True), f"none so old ({err})")
    same(len(listed(fleet)), len(kept), "letters left")


def are_deleted(fleet):
    """Those before one; one, and what is older in its partition; all."""
    fleet.produce_many([(b"last", POISON)] * 3, topic="dead")
    wait_letters(fleet, 18)
    places = sorted((l["partition"], l["offset"]) for l in listed(fleet))
    second = next(b for a, b in zip(places, places[1:]) if a[0] == b[0])
    name = f"{second[0]}:{second[1]}"
    code, _, err = dead(fleet, "purge", "--before", name, "--yes")
    same((code, "deleted" in err), (0, True), f"purge --before ({err})")
    left = [(l["partition"], l["offset"]) for l in listed(fleet)]
    same(sorted(left), [at for at in places
                        if at[0] != second[0] or at[1] >= second[1]], "left")
    code, _, err = dead(fleet, "purge", name, "--yes")
    same(code, 0, f"purge ({err})")
    left = [(l["partition"], l["offset"]) for l in listed(fleet)]
    same(sorted(left), [at for at in places
                        if at[0] != second[0] or at[1] > second[1]], "left")
    code, out, shown = on_terminal(fleet, b"y\n", "purge", "--all")
    same((code, out, "deleted:" in shown), (0, b"", True),
         f"yes, on a terminal: {shown}")
    same(listed(fleet), [], "letters left")
    code, out, err = dead(fleet, "purge", "--all", "--yes", "--json")
    same((code, out), (0, b""), f"none left ({err})")
    fleet.produce(POISON, key="poison")
    wait_letters(fleet, 19)
    code, out, err = dead(fleet, "purge", "--older-than", "1ms", "--yes",
                          "--json")
    same((code, json.loads(out)["deleted"]), (0, True), f"older ({err})")
    same(listed(fleet), [], "letters left")


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
        tap.case("so are bytes that are no job", bytes_stay_bytes, fleet)
        tap.case("all that match are sent again", all_are_sent_again, fleet)
        tap.case("one of no queue needs --queue", of_no_queue, fleet)
        tap.case("wrong words are told", wrong_words, fleet)
        tap.case("remedies are told", remedies_are_told, fleet)
        if os.environ.get("TEST_KAFKA"):
            tap.case("one that fails does not hold others", of_no_topic, fleet)
            tap.case("marks are no letters", marks_are_no_letters, fleet)
            tap.case("old letters are deleted", old_ones_are_deleted, fleet)
            tap.case("letters are deleted", are_deleted, fleet)
        else:
            tap.case("what cannot be deleted is told", only_kept, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
