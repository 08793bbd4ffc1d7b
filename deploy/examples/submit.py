#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Jobs from Python, with confluent-kafka and msgpack, and nothing of ours:

    apt-get install python3-confluent-kafka python3-msgpack
    ./submit.py [BROKERS [TOPIC-PREFIX]]

Sends three jobs at once and prints how each ended, in the order in which they
end.
"""

import sys
import time
import uuid

import msgpack
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

BROKERS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
PREFIX = sys.argv[2] if len(sys.argv) > 2 else "forkyard."
RESULTS = PREFIX + "results"
KAFKA_TIMEOUT_S = 10
RESULTS_TIMEOUT_S = 60

JOBS = [
    {"language": "python", "args": ["world"], "labels": {"example": "python"},
     "code": "import sys; print('hello', sys.argv[1])",
     "limits": {"wall_time_ms": 5000}},
    {"language": "shell", "code": "exit 3"},
    {"language": "node", "code": "console.log([1, 2, 3].join('+'))"},
]


def open_results():
    """A consumer that begins where the topic ends now. Its partitions are
    assigned, not subscribed to: as many readers as there are programs, and
    each sees all. The client wants a group all the same; readers may use those
    that begin like this one."""
    consumer = Consumer({"bootstrap.servers": BROKERS,
                         "group.id": PREFIX + "reader.submit",
                         "enable.auto.commit": False})
    topic = consumer.list_topics(RESULTS, KAFKA_TIMEOUT_S).topics[RESULTS]
    if topic.error:
        raise KafkaException(topic.error)
    parts = [TopicPartition(RESULTS, p) for p in topic.partitions]
    for part in parts:
        _, part.offset = consumer.get_watermark_offsets(part, KAFKA_TIMEOUT_S)
    consumer.assign(parts)
    return consumer


def on_delivery(error, _):
    if error:
        raise KafkaException(error)


def send(jobs):
    """Returns when Kafka has them, for good: with their ids."""
    # The partitioner of Java, JavaScript and libforkyard: jobs with the same
    # key meet on one partition, whoever sends them.
    producer = Producer({"bootstrap.servers": BROKERS,
                         "enable.idempotence": True,
                         "partitioner": "murmur2_random",
                         "on_delivery": on_delivery})
    job_ids = []
    for job in jobs:
        job_id = str(uuid.uuid4())
        key = job.get("session_id") or job.get("ordering_key") or job_id
        producer.produce(PREFIX + "jobs.default", key=key,
                         value=msgpack.packb({"job_id": job_id, **job}))
        job_ids.append(job_id)
    if producer.flush(KAFKA_TIMEOUT_S):
        sys.exit(f"submit.py: {BROKERS} does not acknowledge")
    return job_ids


def results_of(job_ids, consumer):
    """Of each job its first result: others may follow, and do not count."""
    missing = set(job_ids)
    deadline = time.monotonic() + RESULTS_TIMEOUT_S
    while missing:
        record = consumer.poll(max(0, deadline - time.monotonic()))
        if record is None:
            sys.exit("submit.py: no result; is a worker there?")
        if record.error():
            raise KafkaException(record.error())
        job_id = record.key().decode()
        if job_id in missing:
            missing.remove(job_id)
            yield msgpack.unpackb(record.value())


def main():
    consumer = open_results()  # before anything is sent
    for result in results_of(send(JOBS), consumer):
        print(f"{result['status']}: {result['stdout'].decode()}", end="")
        if not result["success"]:
            print(f"({result['status_reason']})")
    consumer.close()


try:
    main()
except KafkaException as why:
    sys.exit(f"submit.py: {why.args[0].str()}")
