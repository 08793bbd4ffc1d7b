#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may look after dead letters: an operator may do all of it, others are
told which right they lack, and nothing waits for a right that is not there.
timeout: 120
"""

import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import DEADLINE_S, Tap, kcat, read_all, same  # noqa: E402
from kafka import Cluster, missing  # noqa: E402
from kafka_security import Security  # noqa: E402
from one_worker import forkyard, make_topics  # noqa: E402

DEAD = "forkyard.dead"
JOBS = "forkyard.jobs.default"
POISON = b"\xc1 no job"
# What waits for a right that is not there waits for 30 s.
SOON_S = 15


class Place:
    def __init__(self, kafka, security):
        self.kafka = kafka
        self.security = security

    def command(self, user, *words):
        """(exit code, stdout, stderr) of forkyard, as this user."""
        settings = {"bootstrap.servers": self.kafka.secured("SCRAM"),
                    **self.security.scram_settings(user)}
        return forkyard(words, {f"kafka.{name}": value
                                for name, value in settings.items()})

    def bury(self, count):
        """By the nodes' own listener, which asks nobody."""
        subprocess.run(
            kcat(self.kafka.brokers, "-P", "-t", DEAD, "-k", "poison", "-H",
                 f"forkyard.dlq.topic={JOBS}", "-D", "\n"),
            input=b"\n".join([POISON] * count), check=True,
            timeout=DEADLINE_S)

    def letters(self):
        return len(read_all(self.kafka.brokers, DEAD))

    def jobs(self):
        return [(r.key, r.value)
                for r in read_all(self.kafka.brokers, JOBS)]


def roles_are_granted(place):
    code, out, err = place.command(
        "admin", "acls", "apply", "-p", "operator=User:ops", "-p",
        "reader=User:app", "-p", "worker=User:fleet")
    same((code, "operator" in out), (0, True), f"acls apply ({err})")
    place.bury(3)


def others_may_not(place):
    """A reader may not see the topic; a worker may, and not what is in it."""
    first = read_all(place.kafka.brokers, DEAD)[0]
    at = f"{first.partition}:{first.offset}"
    for user in ("app", "fleet"):
        for words in (("list",), ("show", at),
                      ("redrive", "--all", "--yes")):
            begin = time.monotonic()
            code, out, err = place.command(user, "dead", *words)
            same((code, out, "Read is needed" in err,
                  "operator=User:NAME" in err), (1, "", True, True),
                 f"{words} of {user} ({err})")
            took_s = time.monotonic() - begin
            assert took_s < SOON_S, f"{words} of {user} took {took_s} s"
    code, out, err = place.command("fleet", "dead", "purge", "--all", "--yes")
    same((code, out, "Delete is needed" in err, "operator=User:NAME" in err),
         (1, "", True, True), f"purge of fleet ({err})")
    same((place.letters(), place.jobs()), (3, []), "letters, jobs")


def half_an_operator_is_told(place):
    """One who may read, and no more."""
    place.kafka.tool("AclCommand", "--add", "--allow-principal", "User:half",
                     "--operation", "Read", "--topic", DEAD)
    code, out, err = place.command("half", "dead", "list", "--json")
    same((code, len(out.splitlines())), (0, 3), f"list ({err})")
    begin = time.monotonic()
    code, out, err = place.command("half", "dead", "redrive", "--all", "--yes",
                                   "--json")
    same((code, json.loads(out)), (1, {
        "redriven": 0, "refused": 0, "failed": 3, "dry_run": False}),
         f"redrive ({err})")
    same((err.count("is not sent"), err.count("Write is needed")), (3, 3),
         f"words: {err}")
    took_s = time.monotonic() - begin
    assert took_s < SOON_S, f"redrive took {took_s} s"
    code, out, err = place.command("half", "dead", "purge", "--all", "--yes")
    same((code, "Delete is needed" in err), (1, True), f"purge ({err})")
    same((place.letters(), place.jobs()), (3, []), "letters, jobs")


def operator_may(place):
    code, out, err = place.command("ops", "dead", "list", "--json")
    same((code, len(out.splitlines())), (0, 3), f"list ({err})")
    code, out, err = place.command("ops", "dead", "redrive", "--all", "--yes",
                                   "--json")
    same((code, json.loads(out)["redriven"]), (0, 3), f"redrive ({err})")
    same(place.jobs(), [(b"poison", POISON)] * 3, "jobs")
    code, out, err = place.command("ops", "dead", "purge", "--older-than",
                                   "1ms", "--yes")
    same((code, place.letters()), (0, 0), f"purge ({err})")


def operator_may_no_more(place):
    for words in (("results",), ("topics", "apply")):
        code, out, err = place.command("ops", *words)
        same((code, "uthorization failed" in out + err), (1, True),
             f"{words}: {out} {err}")


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip("a Kafka that asks who you are", why)
        tap.done()
    security = Security(users=("admin", "ops", "app", "fleet", "half"),
                        super_users=("admin",))
    with Cluster(security=security) as kafka:
        place = Place(kafka, security)
        make_topics(kafka.brokers)
        tap.case("acls apply knows the operator", roles_are_granted, place)
        tap.case("others are told what they lack", others_may_not, place)
        tap.case("so is half an operator", half_an_operator_is_told, place)
        tap.case("an operator looks after dead letters", operator_may, place)
        tap.case("and does nothing else", operator_may_no_more, place)
    tap.done()


main()
