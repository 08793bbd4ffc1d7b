# SPDX-License-Identifier: MIT
"""Who reads: results, dead letters, audit records and the group's commits,
from the topics as the broker has them, into the history.

Commits are read from __consumer_offsets, all of them and in order, with their
metadata: asking the group now and then would miss most."""

import struct
import threading
import time

import confluent_kafka
import msgpack
from confluent_kafka import TopicPartition

COMMITS = "__consumer_offsets"
OUT_MAX = 64
ASK_DEADLINE_S = 30
REMARKABLE = ("internal_error", "setup_error", "worker_lost", "rejected")


# ---- a record of __consumer_offsets ----------------------------------------


def text_of(raw, at):
    size = struct.unpack_from(">h", raw, at)[0]
    return raw[at + 2:at + 2 + size].decode(), at + 2 + size


def compact_text_of(raw, at):
    size = shift = 0
    while True:
        size |= (raw[at] & 127) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 128:
            break
    return raw[at:at + size - 1].decode(), at + size - 1


def commit_key(raw):
    """(group, topic, partition), or None: a key of another kind."""
    if struct.unpack_from(">h", raw)[0] not in (0, 1):
        return None
    group, at = text_of(raw, 2)
    topic, at = text_of(raw, at)
    return group, topic, struct.unpack_from(">i", raw, at)[0]


def commit_value(raw):
    """(offset, metadata, time in ms)."""
    version, offset = struct.unpack_from(">hq", raw)
    at = 10 + (4 if version >= 3 else 0)
    metadata, at = (compact_text_of if version >= 4 else text_of)(raw, at)
    return offset, metadata, struct.unpack_from(">q", raw, at)[0]


def reason_of(body):
    """In words, of what should not happen."""
    return body.get("status_reason") if body["status"] in REMARKABLE else None


# ---- the reader ------------------------------------------------------------


class Tails(threading.Thread):
    """Follows from now on; `seen` tells what has come."""

    def __init__(self, recorder, brokers, topics, group):
        super().__init__(daemon=True)
        self.recorder = recorder
        self.group = group
        self.roles = {**topics, COMMITS: "commits"}  # {topic: role}
        self.changed = threading.Condition()
        self.finished = set()  # job ids with a result
        self.buried = set()    # (partition, offset)
        self.low = {}          # (topic, partition): offset
        self.latest = {}       # (topic, partition): offset of the last read
        self.started = 0
        self.reading = threading.Event()
        self.reading.set()
        self.ending = threading.Event()
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": brokers, "group.id": group + "tail",
            "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "log_level": 0, "reconnect.backoff.max.ms": 500,
            "fetch.wait.max.ms": 50,
        })
        self.places = self.find_places()
        # The commits of others, before us, are none of our business.
        self.first = {place: self.end_of(*place) if place[0] == COMMITS else 0
                      for place in self.places}
        self.consumer.assign([TopicPartition(*place, offset)
                              for place, offset in self.first.items()])

    def find_places(self):
        """Every partition to read; asking for offsets makes the broker make
        its topic of offsets."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.consumer.committed(
                    [TopicPartition(next(iter(self.roles)), 0)], timeout=5)
            except confluent_kafka.KafkaException:
                continue
            known = self.consumer.list_topics(timeout=10).topics
            if all(t in known and known[t].partitions for t in self.roles):
                return [(t, p) for t in self.roles
                        for p in known[t].partitions]
        raise AssertionError(f"no topics {sorted(self.roles)}")

    def end_of(self, topic, partition):
        deadline = time.monotonic() + ASK_DEADLINE_S
        while True:
            try:
                return self.consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=10)[1]
            except confluent_kafka.KafkaException:
                if time.monotonic() > deadline:
                    raise

    def run(self):
        while not self.ending.is_set():
            self.reading.wait()
            messages = self.consumer.consume(1000, 0.1)
            with self.changed:
                for message in messages:
                    if not message.error():
                        self.take(message)
                self.changed.notify_all()

    def take(self, message):
        place = message.topic(), message.partition()
        self.latest[place] = message.offset()
        getattr(self, "on_" + self.roles[place[0]])(message)

    def on_results(self, message):
        body = msgpack.unpackb(message.value())
        source = body.get("source", {})
        out = body.get("stdout")
        self.finished.add(body["job_id"])
        self.recorder.add(
            "result", ts=message.timestamp()[1] / 1000, job=body["job_id"],
            p=message.partition(), o=message.offset(),
            key=message.key().decode(), status=body["status"],
            out=out[:OUT_MAX].decode(errors="replace")
            if out is not None else None,
            worker=body.get("worker", {}).get("id"), why=reason_of(body),
            src=[source.get("topic"), source.get("partition"),
                 source.get("offset")])

    def on_dead(self, message):
        headers = {name: value.decode(errors="replace")
                   for name, value in message.headers() or ()}
        source = (int(headers["forkyard.dlq.partition"]),
                  int(headers["forkyard.dlq.offset"]))
        self.buried.add(source)
        self.recorder.add(
            "dead", ts=message.timestamp()[1] / 1000,
            src=[headers["forkyard.dlq.topic"], *source],
            why=headers.get("forkyard.dlq.exception.class.name"))

    def on_audit(self, message):
        body = msgpack.unpackb(message.value())
        if body["event_type"] != "started":
            return
        self.started += 1
        self.recorder.add("start", ts=body["timestamp_unix_nano"] / 1e9,
                          job=body["job_id"], worker=body["worker_id"])

    def on_commits(self, message):
        key = commit_key(message.key())
        if not key or key[0] != self.group:
            return
        low, metadata, ts = commit_value(message.value()) \
            if message.value() else (None, "", message.timestamp()[1])
        self.low[key[1:]] = low
        self.recorder.add("commit", ts=ts / 1000, topic=key[1], p=key[2],
                          low=low, meta=metadata)

    # ---- waiting

    def wait(self, is_so, deadline_s):
        with self.changed:
            return self.changed.wait_for(is_so, deadline_s)

    def read_to_end(self, deadline_s=60):
        """None once all that is in the log has been read, else what not."""
        ends = {place: self.end_of(*place) for place in self.places}

        def missing():
            return [place for place, end in ends.items()
                    if self.first[place] < end and
                    self.latest.get(place, -1) < end - 1]

        return None if self.wait(lambda: not missing(), deadline_s) \
            else f"not read to the end: {missing()}"

    def close(self):
        self.ending.set()
        self.reading.set()
        self.join()
        self.consumer.close()
