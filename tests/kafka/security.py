#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Kafka that asks who you are, and lets nobody do what was not granted:
rights by role, jobs end to end over SCRAM and OAUTHBEARER, and what a worker
says and does when it is refused. timeout: 240
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import TMPDIR, Tap, read_all, same  # noqa: E402
from kafka import Cluster, missing  # noqa: E402
from kafka_security import Security  # noqa: E402
from one_worker import Worker, forkyard, make_topics, until  # noqa: E402

USERS = ("admin", "fleet", "ferry", "app", "dashboard", "nobody")
ROLES = (("worker", "fleet"), ("producer", "app"), ("reader", "dashboard"),
         ("worker", "ferry"), ("forwarder", "ferry"))
PRINCIPALS = [word for role, user in ROLES
              for word in ("-p", f"{role}=User:{user}")]


# What a member that is gone holds up others for.
CLUSTER = {"group.consumer.session.timeout.ms": 2000,
           "group.consumer.heartbeat.interval.ms": 250}
REFUSED = "Topic authorization failed"


class Place:
    """The cluster, and everybody's way to it."""

    def __init__(self, kafka, security):
        self.kafka = kafka
        self.security = security
        self.tokens = {}

    def settings(self, listener, more):
        return {f"kafka.{name}": value for name, value in {
            "bootstrap.servers": self.kafka.secured(listener),
            "group.protocol": "consumer", **more}.items()}

    def scram(self, user, **more):
        return self.settings("SCRAM", {**self.security.scram_settings(user),
                                       **more})

    def oauth(self, user, **token):
        path = Path(TMPDIR) / f"{user}.token"
        self.tokens[user] = self.security.issuer.token(user, **token)
        path.write_text(self.tokens[user] + "\n")
        path.chmod(0o644)  # the worker reads it again, as nobody
        return self.settings("OAUTH", self.security.oauth_settings(path))

    def worker(self, settings, **more):
        """Its user is no forwarder, if nothing else is said."""
        return Worker(settings["kafka.bootstrap.servers"],
                      {"retry.forward": "false", **settings}, **more)

    def submit(self, settings, code="echo well", **job):
        """Of a job in shell: (exit code, its id, words)."""
        code, out, err = forkyard(
            ["submit"], settings, name="submit", data=json.dumps(
                {"language": "shell", "code": code, **job}).encode())
        return code, out.strip(), err

    def result(self, settings, job_id):
        """As the reader sees it, as soon as it is there."""
        code, out, err = forkyard(
            ["results", "--job", job_id, "--follow", "--json"], settings,
            name="results")
        assert code == 0, f"no result of {job_id}: {err}"
        return json.loads(out)

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


def job_is_run(place, way, **settings):
    """Worker, producer and reader, each as itself."""
    with place.worker({**way("fleet"), **settings}) as worker:
        code, job_id, err = place.submit(way("app"))
        same(code, 0, f"exit code of submit ({err})")
        got = place.result(way("dashboard"), job_id)
        same((got["status"], got["stdout"]), ("success", "well\n"), "result")
        for part in ("broker", "consumer", "results"):
            worker.wait_part(part, True)
        same(worker.said("kafka", "warn"), [], "complaints")
        same(worker.stop(), 0, "exit code of the worker")


def job_is_run_exactly_once(place):
    job_is_run(place, place.scram, **{"topics.delivery": "exactly-once"})


def job_is_tried_again(place):
    """By one who is no forwarder, after one who is has brought it back."""
    forwarding = {"retry.forward": "true", "topics.queues": "low"}
    with place.worker(place.scram("fleet")) as worker, \
            place.worker({**place.scram("ferry"), **forwarding}) as ferry:
        code, job_id, err = place.submit(
            place.scram("app"), "exit 7", max_attempts=2,
            retry_on=["nonzero_exit"])
        same(code, 0, f"exit code of submit ({err})")
        got = place.result(place.scram("dashboard"), job_id)
        same((got["status"], got["attempt"]), ("nonzero_exit", 2), "result")
        until(lambda: ferry.metric("forkyard_jobs_returned_total") == 1,
              "a job returned by the forwarder")
        for each in worker, ferry:
            same(each.said("kafka", "warn"), [], "complaints")
            same(each.stop(), 0, "exit code of the worker")


def no_forwarder_says_so(place):
    with place.worker({**place.scram("fleet"),
                       "retry.forward": "true"}) as worker:
        worker.wait_words("kafka trouble", "client=waiting",
                          "kind=group_right", "forkyard acls apply")
        worker.wait_part("consumer", True)
        code, job_id, err = place.submit(place.scram("app"))
        same(code, 0, f"exit code of submit ({err})")
        same(place.result(place.scram("dashboard"), job_id)["status"],
             "success", "a job meanwhile")
        same(worker.stop(), 0, "exit code of the worker")


def makes_no_jobs(place, user):
    code, job_id, err = place.submit(place.scram(user))
    same((code, REFUSED in err), (1, True), f"submit ({err})")
    sent = [record.key.decode() for record in
            read_all(place.kafka.brokers, "forkyard.jobs.default")]
    same((len(sent) > 0, job_id in sent), (True, False), "the job arrived")


def producer_reads_no_results(place):
    code, out, err = forkyard(["results"], place.scram("app"))
    same((code, out, REFUSED in err), (1, "", True), f"results ({err})")
    code, out, err = forkyard(["submit", "--wait"], place.scram("app"),
                              data=b'{"language": "shell", "code": ":"}')
    same((code, out, REFUSED in err), (1, "", True), f"submit -w ({err})")


def stranger_does_nothing(place):
    for words in (["results"], ["topics", "plan"]):
        code, out, err = forkyard(words, place.scram("nobody"))
        same(code, 1, f"{words}: {out} {err}")


LOOKS_FOR_SECRETS = """
for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
    tr '\\0' '\\n' <$file
done 2>/dev/null
env
"""


def command_lines():
    """Of every process there is."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


def secrets_stay_secret(place):
    """With all that librdkafka can say in the log: from a file, and from the
    environment, a password and a token."""
    password = place.security.passwords["fleet"]
    scram = place.scram("fleet")
    del scram["kafka.sasl.password"]
    ways = ((scram, {"FORKYARD_KAFKA_SASL_PASSWORD": password}),
            (place.oauth("fleet"), {}))
    for settings, env in ways:
        secrets = (password, place.tokens["fleet"])
        with place.worker({**settings, "log.level": "debug",
                           "kafka.debug": "all"}, env=env) as worker:
            worker.wait_words("partitions assigned")
            _, job_id, _ = place.submit(place.scram("app"), LOOKS_FOR_SECRETS)
            got = place.result(place.scram("dashboard"), job_id)
            same("PATH=" in got["stdout"], True, "the job looked")
            for secret in secrets:
                same(secret in got["stdout"], False, "secret in a box")
                same(secret in worker.words(), False, "secret in the log")
                same(any(secret.encode() in line
                         for line in command_lines()), False,
                     "secret in a command line")
                _, out, err = forkyard(["check"], settings)
                same(secret in out + err, False, "secret in check")
            same(worker.stop(), 0, "exit code of the worker")


def command_line_takes_none(place):
    code, _, err = forkyard(
        ["results", "--set", "kafka.sasl.password=given-away"],
        place.scram("dashboard"))
    same((code, "command line" in err, "given-away" in err),
         (2, True, False), f"a password as a flag ({err})")


# ---- refused: told once, with the remedy, and tried again -----------------


def is_calm(worker, kind, clients=5):
    """A line per client, and no more; it is there still."""
    lines = worker.said("kafka trouble", f"kind={kind}", "remedy=")
    same(0 < len(lines) <= clients, True, f"lines about {kind}: {lines}")
    same(worker.process.poll(), None, "exit code of the worker")
    total = worker.metric("forkyard_kafka_errors_total", error=kind)
    same(total > 0, True, f"counted as {kind}: {total}")


def wrong_password(place):
    settings = place.scram("fleet", **{"sasl.password": "not-this-one"})
    with place.worker(settings) as worker:
        worker.wait_words("kafka trouble", "client=jobs", "kind=authentication",
                          "invalid credentials", "remedy=", "sasl.password")
        worker.wait_part("broker", False, "invalid credentials",
                         "sasl.password")
        is_calm(worker, "authentication")
        same("not-this-one" in worker.words(), False, "password in the log")


def wrong_authority(place):
    settings = place.scram("fleet", **{
        "ssl.ca.location": str(place.security.stranger.certificate)})
    with place.worker(settings) as worker:
        worker.wait_words("kafka trouble", "client=jobs", "kind=tls",
                          "certificate", "ssl.ca.location")
        worker.wait_part("broker", False, "ssl.ca.location")
        is_calm(worker, "tls")


def no_broker(place):
    with Worker("127.0.0.1:1", place.scram("fleet", **{
            "bootstrap.servers": "127.0.0.1:1"})) as worker:
        worker.wait_words("kafka trouble", "client=jobs", "kind=unreachable",
                          "bootstrap.servers")
        worker.wait_part("broker", False, "bootstrap.servers")
        is_calm(worker, "unreachable")


def expired_token(place):
    """Told with its age; a fresh one in the file is taken."""
    settings = place.oauth("fleet", seconds=-60)
    with place.worker(settings) as worker:
        worker.wait_words("kafka trouble", "client=jobs",
                          "kind=authentication", "expired 6", "token.file")
        worker.wait_part("broker", False, "expired", "token.file")
        is_calm(worker, "authentication")
        place.oauth("fleet")
        worker.wait_words("partitions assigned")
        worker.wait_part("broker", True)


def stolen_token(place):
    """Signed well, for another audience: the broker refuses it."""
    with place.worker(place.oauth("fleet", audience="other")) as worker:
        worker.wait_words("kafka trouble", "client=jobs",
                          "kind=authentication")
        is_calm(worker, "authentication")
    place.oauth("fleet")


def unknown_topic(place):
    """One queue of two: the other one goes on."""
    settings = {**place.scram("admin"), "topics.queues": "default:1,typo:1"}
    with place.worker(settings) as worker:
        worker.wait_words("kafka trouble", "client=jobs",
                          "kind=topic_unknown", "forkyard.jobs.typo",
                          "forkyard topics apply")
        worker.wait_part("consumer", False, "forkyard.jobs.typo")
        _, job_id, _ = place.submit(place.scram("app"))
        place.result(place.scram("dashboard"), job_id)
        is_calm(worker, "topic_unknown")


def acl(place, verb, user, operation, *resource):
    place.kafka.tool("AclCommand", f"--{verb}",
                     *(["--force"] if verb == "remove" else []),
                     "--allow-principal", f"User:{user}", "--operation",
                     operation, *resource)


JOBS = ("--topic", "forkyard.jobs.", "--resource-pattern-type", "prefixed")


def jobs_are_taken_away(place):
    """While it runs: the job that comes meanwhile waits, and is run."""
    with place.worker(place.scram("fleet")) as worker:
        worker.wait_part("consumer", True, "partitions")
        acl(place, "remove", "fleet", "Read", *JOBS)
        worker.wait_words("kafka trouble", "client=jobs", "kind=topic_right",
                          "forkyard acls apply")
        worker.wait_part("consumer", False, "forkyard acls apply")
        _, job_id, _ = place.submit(place.scram("app"))
        is_calm(worker, "topic_right")
        acl(place, "add", "fleet", "Read", *JOBS)
        worker.wait_part("consumer", True)
        got = place.result(place.scram("dashboard"), job_id)
        same(got["status"], "success", "the job of meanwhile")
        worker.wait_words("kafka trouble is over", "client=jobs",
                          "kind=topic_right")
        same(worker.stop(), 0, "exit code of the worker")


def results_are_taken_away(place):
    """The job is run, and its result kept until it may be written."""
    with place.worker(place.scram("fleet")) as worker:
        worker.wait_part("consumer", True, "partitions")
        acl(place, "remove", "fleet", "Write", "--topic", "forkyard.results")
        _, job_id, _ = place.submit(place.scram("app"))
        worker.wait_words("kafka trouble", "client=results",
                          "kind=topic_right", "forkyard acls apply")
        worker.wait_part("results", False, "forkyard.results",
                         "forkyard acls apply")
        is_calm(worker, "topic_right")
        acl(place, "add", "fleet", "Write", "--topic", "forkyard.results")
        got = place.result(place.scram("dashboard"), job_id)
        same(got["status"], "success", "the job of meanwhile")
        worker.wait_part("results", True)
        sent = [record for record in
                read_all(place.kafka.brokers, "forkyard.results")
                if record.key.decode() == job_id]
        same(len(sent), 1, "results of the job")
        same(worker.stop(), 0, "exit code of the worker")


def group_is_taken_away(place):
    """While a job runs, which ends in peace; then the worker joins again."""
    with place.worker(place.scram("fleet")) as worker:
        worker.wait_part("consumer", True, "partitions")
        _, job_id, _ = place.submit(place.scram("app"), "sleep 2; echo end")
        until(lambda: worker.metric("forkyard_jobs_running") == 1, "it runs")
        acl(place, "remove", "fleet", "Read", "--group", "forkyard")
        worker.wait_words("kafka trouble", "client=jobs", "kind=group_right",
                          "forkyard acls apply")
        worker.wait_part("consumer", False, "forkyard acls apply")
        got = place.result(place.scram("dashboard"), job_id)
        same(got["stdout"], "end\n", "the job that ran")
        is_calm(worker, "group_right")
        acl(place, "add", "fleet", "Read", "--group", "forkyard")
        worker.wait_part("consumer", True, "partitions")
        _, job_id, _ = place.submit(place.scram("app"))
        got = place.result(place.scram("dashboard"), job_id)
        same(got["status"], "success", "the next job")
        same(worker.stop(), 0, "exit code of the worker")


def audit_is_taken_away(place):
    """What cannot be recorded is not run: jobs wait until it can."""
    with place.worker(place.scram("fleet")) as worker:
        worker.wait_part("consumer", True, "partitions")
        acl(place, "remove", "fleet", "Write", "--topic", "forkyard.audit")
        _, first, _ = place.submit(place.scram("app"))
        worker.wait_words("kafka trouble", "client=audit", "kind=topic_right",
                          "forkyard acls apply")
        worker.wait_part("results", False, "forkyard.audit")
        _, second, _ = place.submit(place.scram("app"))
        until(lambda: worker.metric("forkyard_consumer_fetched") > 0,
              "the second job is here")
        taken = worker.metric("messaging_client_consumed_messages_total",
                              queue="default")
        same(taken, 1.0, "jobs taken")
        is_calm(worker, "topic_right")
        acl(place, "add", "fleet", "Write", "--topic", "forkyard.audit")
        for job_id in (first, second):
            got = place.result(place.scram("dashboard"), job_id)
            same(got["status"], "success", "result")
        worker.wait_part("results", True)
        same(worker.stop(), 0, "exit code of the worker")


def no_right_at_all(place):
    """A user who is known and has none; then he gets them."""
    with place.worker(place.scram("nobody")) as worker:
        for client, kind in (("jobs", "group_right"),
                             ("results", "cluster_right"),
                             ("audit", "cluster_right")):
            worker.wait_words("kafka trouble", f"client={client}",
                              f"kind={kind}", "forkyard acls apply")
        worker.wait_part("consumer", False, "forkyard acls apply")
        worker.wait_part("results", False, "forkyard acls apply")
        is_calm(worker, "cluster_right")
        code, _, err = place.acls("apply", "-p", "worker=User:nobody")
        same(code, 0, err)
        worker.wait_part("consumer", True, "partitions")
        worker.wait_part("results", True)
        _, job_id, _ = place.submit(place.scram("app"))
        got = place.result(place.scram("dashboard"), job_id)
        same(got["status"], "success", "result")


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip("a Kafka that asks who you are", why)
        tap.done()
    security = Security(users=USERS, super_users=("admin",))
    with Cluster(settings=CLUSTER, security=security) as kafka:
        place = Place(kafka, security)
        make_topics(kafka.brokers)
        tap.case("acls plan tells what is missing", rights_are_planned, place)
        tap.case("acls apply grants it, once", rights_are_granted, place)
        tap.case("rights of others are shown and left", others_are_told,
                 place)
        tap.case("a job is run over SCRAM", job_is_run, place, place.scram)
        tap.case("a job is run with tokens", job_is_run, place, place.oauth)
        tap.case("a job is run in transactions", job_is_run_exactly_once,
                 place)
        tap.case("a job is tried again", job_is_tried_again, place)
        tap.case("one who is no forwarder says so", no_forwarder_says_so,
                 place)
        tap.case("a worker makes no jobs", makes_no_jobs, place, "fleet")
        tap.case("a producer reads no results", producer_reads_no_results,
                 place)
        tap.case("a reader writes nothing", makes_no_jobs, place, "dashboard")
        tap.case("a stranger does nothing", stranger_does_nothing, place)
        tap.case("secrets stay secret", secrets_stay_secret, place)
        tap.case("none comes by the command line", command_line_takes_none,
                 place)
        for name, case in (
                ("wrong password", wrong_password),
                ("wrong authority", wrong_authority),
                ("no broker", no_broker),
                ("expired token", expired_token),
                ("token for somebody else", stolen_token),
                ("unknown topic", unknown_topic),
                ("jobs are taken away", jobs_are_taken_away),
                ("the group is taken away", group_is_taken_away),
                ("results are taken away", results_are_taken_away),
                ("the audit is taken away", audit_is_taken_away),
                ("no right at all", no_right_at_all)):
            tap.case(f"{name}: told, tried again, nothing lost", case, place)
        tap.case("who may not grant is told", only_some_may_grant, place)
    tap.done()


main()
