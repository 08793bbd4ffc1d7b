#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Kafka that asks who you are, and lets nobody do what was not granted:
rights by role, jobs end to end over SCRAM and OAUTHBEARER, and what a worker
says and does when it is refused. timeout: 120
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Tap, same  # noqa: E402
from kafka import Cluster, missing  # noqa: E402
from kafka_security import Security  # noqa: E402
from one_worker import forkyard  # noqa: E402

USERS = ("admin", "fleet", "app", "dashboard", "nobody")
ROLES = {"worker": "fleet", "producer": "app", "reader": "dashboard"}
PRINCIPALS = [word for role, user in ROLES.items()
              for word in ("-p", f"{role}=User:{user}")]


class Place:
    """The cluster, and everybody's way to it."""

    def __init__(self, kafka, security):
        self.kafka = kafka
        self.security = security

    def scram(self, user, **more):
        settings = {"bootstrap.servers": self.kafka.secured("SCRAM"),
                    **self.security.scram_settings(user), **more}
        return {f"kafka.{name}": value for name, value in settings.items()}

    def acls(self, *words, user="admin"):
        code, out, err = forkyard(["acls", *words, "--json"],
                                  self.scram(user))
        return code, json.loads(out) if out else None, err


def states(rows, role=None):
    return [row["state"] for row in rows if role in (None, row["role"])]


def rights_are_planned(place):
    code, rows, err = place.acls("plan", *PRINCIPALS)
    same(code, 1, f"exit code of plan ({err})")
    same(set(states(rows)), {"missing"}, "states of a cluster without ACLs")
    code, rows, _ = place.acls("plan", *PRINCIPALS)
    same(set(states(rows)), {"missing"}, "plan changes nothing")


def rights_are_granted(place):
    code, rows, err = place.acls("apply", *PRINCIPALS)
    same((code, set(states(rows))), (0, {"ok"}), f"apply ({err})")
    code, again, err = place.acls("apply", *PRINCIPALS)
    same((code, again), (0, rows), f"apply once more ({err})")
    same(place.acls("plan", *PRINCIPALS)[0], 0, "exit code of plan")


def others_are_told(place):
    """Grants of others are shown, and stay; so do those of other topics,
    which are nobody's business here."""
    for topic, who in (("forkyard.results", "User:auditor"),
                       ("elsewhere", "User:stranger")):
        place.kafka.tool("AclCommand", "--add", "--allow-principal", who,
                         "--operation", "Read", "--topic", topic)
    code, rows, err = place.acls("apply", *PRINCIPALS)
    extra = [row for row in rows if row["state"] == "extra"]
    same(code, 0, f"exit code ({err})")
    same([(r["principal"], r["name"], r["operation"]) for r in extra],
         [("User:auditor", "forkyard.results", "read")], "extra rights")
    same("1 ACL(s) beyond these" in err, True, f"words: {err}")
    same([r for r in place.acls("plan", *PRINCIPALS)[1]
          if r["state"] == "extra"], extra, "they are still there")


def only_some_may_grant(place):
    code, rows, err = place.acls("apply", *PRINCIPALS, user="fleet")
    same((code, rows), (1, None), "exit code, rows")
    same("Describe" in err and "Alter" in err, True, f"the remedy: {err}")
    code, out, err = forkyard(["acls", "apply", "-p", "worker=User:x"],
                              {"kafka.bootstrap.servers":
                               os.environ["TEST_KAFKA"]})
    same(code, 1, f"exit code on a cluster without ACLs ({out})")
    same("authorizer.class.name" in err, True, f"the remedy: {err}")


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip("a Kafka that asks who you are", why)
        tap.done()
    security = Security(users=USERS, super_users=("admin",))
    with Cluster(security=security) as kafka:
        place = Place(kafka, security)
        tap.case("acls plan tells what is missing", rights_are_planned, place)
        tap.case("acls apply grants it, once", rights_are_granted, place)
        tap.case("rights of others are shown and left", others_are_told,
                 place)
        tap.case("who may not grant is told", only_some_may_grant, place)
    tap.done()


main()
