# SPDX-License-Identifier: MIT
"""Who sends the jobs: a producer at a steady rate, each send with its answer
in the history. And what it sends: a name, a body, the outcome to expect."""

import random
import threading
import time

import confluent_kafka
import msgpack

SEND_TIMEOUT_MS = 120000
WAIT_S = 0.05


def shell(name, code, status="success", out=None, **more):
    body = {"job_id": name, "language": "shell", "code": code, **more}
    return name, msgpack.packb(body), [status, out]


def plain(name, n):
    return shell(name, f"echo {n}", out=f"{n}\n")


def mixed(name, n):
    """Most are short; one in a hundred holds its partition for a while."""
    if n % 100 == 7:
        return shell(name, f"sleep 2; echo {n}", out=f"{n}\n")
    if n % 20 == 3:
        return shell(name, f"echo {n}; exit 3", "nonzero_exit", f"{n}\n")
    if n % 20 == 8:
        return shell(name, f"sleep 0.1; echo {n}", out=f"{n}\n")
    if n % 20 == 13:
        return shell(name, f"echo {n}; kill -TERM $$", "signalled", f"{n}\n")
    if n % 50 == 11:
        return shell(name, "true", "validation_error",
                     limits={"memory_bytes": -1})
    return plain(name, n)


def poison_bytes(n):
    """Records that are no job, in turn."""
    rnd = random.Random(n)
    job = msgpack.packb({"job_id": f"p{n}", "language": "shell",
                         "code": "echo"})
    kinds = [
        job[:len(job) // 2],                      # cut short
        b"\x81" * 1000 + b"\xa1x\x01",            # deep
        b"\xdf\xff\xff\xff\xff",                  # a map of 2^32
        bytes(rnd.randrange(256) for _ in range(200)),
        b"",
        b"\xc1",                                  # never used
        msgpack.packb([1, 2, 3]),
        msgpack.packb({"language": "shell", "code": "echo"}),  # no id
        msgpack.packb({"job_id": 7, "language": "shell", "code": "echo"}),
        msgpack.packb({"job_id": f"p{n}", "v": 99, "language": "shell",
                       "code": "echo"}),
        msgpack.packb({"job_id": "../x", "language": "shell",
                       "code": "echo"}),
    ]
    return kinds[n % len(kinds)]


def with_poison(name, n):
    return (None, poison_bytes(n // 3), None) if n % 3 == 0 \
        else mixed(name, n)


def with_oversize(name, n):
    """Some are larger than job.max_bytes: 64 KiB in this scenario."""
    if n % 10 == 5:
        body = {"job_id": name, "language": "shell", "code": "echo",
                "stdin": b"x" * 100000}
        return None, msgpack.packb(body), None
    return mixed(name, n)


def stormy(name, n):
    if n % 100 == 50:
        return None, poison_bytes(n // 100), None
    return with_oversize(name, n) if n % 100 == 25 else mixed(name, n)


class Load(threading.Thread):
    """Sends `count` jobs at `rate` a second; copies: how often each. may_send
    is asked before each: more slowly, when the fleet does not keep up."""

    def __init__(self, recorder, brokers, topic, kind, count, rate,
                 prefix, copies=1, may_send=None):
        super().__init__(daemon=True)
        self.recorder = recorder
        self.brokers = brokers
        self.topic = topic
        self.make = kind
        self.count = count
        self.rate = rate
        self.prefix = prefix
        self.copies = copies
        self.may_send = may_send or (lambda: True)
        self.acked = set()  # names, and (partition, offset) of poison
        self.last = {}  # partition: highest offset acknowledged
        self.unanswered = {}  # number: name
        self.sends = 0
        self.open()

    def open(self):
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": self.brokers, "acks": "all",
            "enable.idempotence": True, "linger.ms": 2, "log_level": 0,
            "message.timeout.ms": SEND_TIMEOUT_MS,
            "topic.metadata.refresh.interval.ms": 2000,
            "reconnect.backoff.max.ms": 1000,
            "error_cb": lambda error: None,
        })

    def run(self):
        due = time.monotonic()
        for n in range(self.count):
            self.poll_until(due)
            while not self.may_send():
                self.poll_until(time.monotonic() + WAIT_S)
                due = time.monotonic()
            due += 1 / self.rate
            self.send(n)
        while self.unanswered:
            self.poll(0.1)

    def poll_until(self, when):
        """Answers end a poll before its time."""
        left = when - time.monotonic()
        while left > 0:
            self.poll(left)
            left = when - time.monotonic()
        self.poll(0)

    def poll(self, seconds):
        try:
            self.producer.poll(seconds)
        except confluent_kafka.KafkaException as why:
            self.begin_again(why)

    def begin_again(self, why):
        """This client may give up for good when a broker dies. What became
        of its records nobody knows: they may be in the log."""
        unanswered, self.unanswered = self.unanswered, {}
        for name in unanswered.values():
            self.recorder.add("nack", job=name, why=str(why))
        self.open()

    def send(self, n):
        name, value, want = self.make(f"{self.prefix}{n}", n)
        for _ in range(self.copies):
            self.sends += 1
            self.produce(self.sends, name, value, want, f"poison{n}")

    def produce(self, number, name, value, want, key):
        def on_delivery(error, message):
            if self.unanswered.pop(number, number) != number:
                self.answered(error, message, name, want)

        while True:
            try:
                self.unanswered[number] = name
                self.producer.produce(self.topic, value=value,
                                      key=name or key,
                                      on_delivery=on_delivery)
                return
            except BufferError:
                self.poll(0.1)
            except confluent_kafka.KafkaException as why:
                self.begin_again(why)

    def answered(self, error, message, name, want):
        if error:
            self.recorder.add("nack", job=name, why=str(error))
            return
        place = message.partition(), message.offset()
        if place[1] is None and name is None:
            self.recorder.add("nack", job=None, why="in the log, but where?")
            return
        self.acked.add(name or place)
        if place[1] is not None:  # a broker that had it already does not tell
            self.last[place[0]] = max(self.last.get(place[0], -1), place[1])
        self.recorder.add("ack", job=name, topic=self.topic, p=place[0],
                          o=place[1], want=want)
