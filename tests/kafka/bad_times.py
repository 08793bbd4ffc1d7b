#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Kafka that is away, old, or takes less than ours would send: a worker says
so once, with the remedy, tries again, and no job is lost. What it says when it
is refused a right: security.py. timeout: 240
"""

import json
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import msgpack  # noqa: E402
from fleet import Tap, read_all, same  # noqa: E402
from kafka import Cluster, missing  # noqa: E402
from one_worker import Worker, forkyard, make_topics, until  # noqa: E402

SMALL = 20000
CLUSTER = {
    "group.consumer.session.timeout.ms": 2000,
    "group.consumer.heartbeat.interval.ms": 250,
    # Less than any set of finished jobs needs.
    "offset.metadata.max.bytes": 8,
}
SMALL_TOPICS = {"results": {"max.message.bytes": SMALL},
                "jobs.*": {"max.message.bytes": SMALL}}


def worker_of(kafka, **more):
    return Worker(kafka.brokers, {
        "kafka.group.protocol": "consumer", "topics.queues": "default:1",
        **more})


def submit(kafka, *jobs):
    """Jobs in shell: (exit code, words)."""
    code, _, err = forkyard(
        ["submit"], {"kafka.bootstrap.servers": kafka.brokers},
        name="submit", data=json.dumps(
            [{"language": "shell", **job} for job in jobs]).encode())
    return code, err


def result_of(kafka, job_id):
    code, out, err = forkyard(
        ["results", "--job", job_id, "--follow", "--json"],
        {"kafka.bootstrap.servers": kafka.brokers}, name="results")
    assert code == 0, f"no result of {job_id}: {err}"
    return json.loads(out)


def is_calm(worker, kind):
    """A line per client, and no more; it lives."""
    lines = worker.said("kafka trouble", f"kind={kind}", "remedy=")
    same(0 < len(lines) <= 5, True, f"lines about {kind}: {lines}")
    same(worker.process.poll(), None, "exit code of the worker")
    total = worker.metric("forkyard_kafka_errors_total", error=kind)
    same(total > 0, True, f"counted as {kind}: {total}")


def name():
    return f"job-{uuid.uuid4()}"


def broker_comes_late(kafka):
    """Nothing is there when the worker starts; it goes away once more."""
    kafka.kill(1)
    with worker_of(kafka) as worker:
        worker.wait_words("kafka trouble", "client=jobs", "kind=unreachable")
        worker.wait_part("broker", False, "bootstrap.servers")
        is_calm(worker, "unreachable")
        kafka.start(1)
        make_topics(kafka.brokers, change=SMALL_TOPICS)
        worker.wait_part("broker", True)
        worker.wait_part("consumer", True, "partitions")
        job_id = name()
        submit(kafka, {"job_id": job_id, "code": "echo late"})
        same(result_of(kafka, job_id)["status"], "success", "result")
        is_calm(worker, "unreachable")
        same(worker.stop(), 0, "exit code of the worker")


def result_is_too_large(kafka):
    """It loses output until it fits."""
    job_id = name()
    with worker_of(kafka) as worker:
        submit(kafka, {"job_id": job_id, "code": "seq 30000"})
        got = result_of(kafka, job_id)
        same((got["status"], got["stdout_truncated"]), ("success", True),
             "result")
        same(got["stdout_bytes_total"], 168894, "bytes in all")
        worker.wait_words("kafka trouble", "client=results", "kind=too_large",
                          "max.message.bytes")
        is_calm(worker, "too_large")
        worker.wait_part("results", True)
        same(worker.stop(), 0, "exit code of the worker")


def job_is_too_large(kafka):
    """Refused to its producer, who is told; the queue goes on."""
    code, err = submit(kafka, {"job_id": name(),
                               "code": ": " + "x" * 2 * SMALL})
    same((code, "too large" in err), (1, True), f"submit ({err})")
    job_id = name()
    with worker_of(kafka) as worker:
        submit(kafka, {"job_id": job_id, "code": "echo next"})
        same(result_of(kafka, job_id)["stdout"], "next\n", "the next job")
        same(worker.stop(), 0, "exit code of the worker")


def metadata_is_refused(kafka):
    """What finished behind a job that runs does not fit into the commit: that
    is told, and commits go on without it. What needs a mark there before it
    begins is refused."""
    holder, once = name(), name()
    others = [name() for _ in range(12)]  # some are behind it
    with worker_of(kafka) as worker:
        worker.wait_part("consumer", True, "partitions")
        submit(kafka, {"job_id": holder, "code": "sleep 3"},
               *({"job_id": i, "code": "echo short"} for i in others))
        worker.wait_words("kafka trouble", "client=jobs",
                          "kind=offset_metadata", "offset.metadata.max.bytes")
        for job_id in (holder, *others):
            same(result_of(kafka, job_id)["status"], "success", job_id)
        is_calm(worker, "offset_metadata")
        until(lambda: worker.metric(
            "forkyard_consumer_commits_total", outcome="ok") > 0, "a commit")
        until(lambda: lag_of(kafka) == 0, "all is committed")
        submit(kafka, {"job_id": once, "code": "true", "max_attempts": 1})
        result = result_of(kafka, once)
        same(result["status"], "setup_error", "at most once")
        same("offset.metadata.max.bytes" in result["status_reason"], True,
             f"reason: {result['status_reason']}")
        same(worker.stop(), 0, "exit code of the worker")


def lag_of(kafka):
    """Of all partitions of the queue, or None while one has no commit."""
    total = 0
    for line in kafka.tool("consumer.group.ConsumerGroupCommand",
                           "--describe", "--group", "forkyard").splitlines():
        row = line.split()
        if len(row) > 5 and row[1] == "forkyard.jobs.default":
            if row[3] == "-" and row[4] != "0":
                return None
            total += int(row[5]) if row[5] != "-" else 0
    return total


def topics_go_and_come(kafka):
    """No topic for results: they are kept. None for dead letters: nor is what
    belongs there passed over."""
    poison = msgpack.packb({"job_id": "no name: " + "x" * 200})
    for topic in ("results", "dead"):
        kafka.delete_topic(f"forkyard.{topic}")
    with worker_of(kafka) as worker:
        worker.wait_part("consumer", True, "partitions")
        job_id = name()
        submit(kafka, {"job_id": job_id, "code": "echo kept"})
        kafka.produce("forkyard.jobs.default", poison)
        worker.wait_words("kafka trouble", "client=results",
                          "kind=topic_unknown", "forkyard topics apply")
        worker.wait_part("results", False, "2 of", "forkyard topics apply")
        make_topics(kafka.brokers)
        same(result_of(kafka, job_id)["stdout"], "kept\n", "result")
        worker.wait_part("results", True, "0 of")
        same([r.value for r in read_all(kafka.brokers, "forkyard.dead")],
             [poison], "dead letters")
        is_calm(worker, "topic_unknown")


def broker_is_too_old(_):
    """One without the consumer protocol, as before Kafka 4.0."""
    old = {"group.coordinator.rebalance.protocols": "classic"}
    with Cluster(settings=old) as kafka:
        make_topics(kafka.brokers)
        with worker_of(kafka) as worker:
            worker.wait_words("kafka trouble", "client=jobs", "kind=too_old",
                              "kafka.group.protocol", "classic")
            worker.wait_part("consumer", False, "classic")
            worker.wait_words("kafka consumer made anew", times=2)
            is_calm(worker, "too_old")
        job_id = name()
        with worker_of(kafka, **{"kafka.group.protocol": "classic"}):
            submit(kafka, {"job_id": job_id, "code": "echo old"})
            same(result_of(kafka, job_id)["stdout"], "old\n", "result")


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip("bad times of a Kafka", why)
        tap.done()
    with Cluster(settings=CLUSTER) as kafka:
        for title, case in (
                ("a broker that comes late", broker_comes_late),
                ("a result larger than the topic takes", result_is_too_large),
                ("a job larger than the topic takes", job_is_too_large),
                ("metadata of a commit is refused", metadata_is_refused),
                ("topics that go and come", topics_go_and_come),
                ("a broker that is too old", broker_is_too_old)):
            tap.case(f"{title}: told, tried again, nothing lost", case, kafka)
    tap.done()


main()
