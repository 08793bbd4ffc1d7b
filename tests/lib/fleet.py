# SPDX-License-Identifier: MIT
"""A fleet of `forkyard dev` for the tests, and Kafka through kcat.

    with Fleet(workers=2, slots=4) as fleet:
        fleet.submit([{"job_id": "a", "language": "shell", "code": "true"}])
        assert fleet.result("a")["status"] == "success"

Nothing of ours touches the messages: they are made and read by Debian's
msgpack, carried by kcat and judged by Debian's jsonschema. Everything here
waits for an event, with a deadline. Runs in the tests, never in a product.
"""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import jsonschema
import msgpack
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FORKYARD = os.environ.get("FORKYARD", str(ROOT / "build" / "forkyard"))
TMPDIR = os.environ.get("TMPDIR", "/tmp")
DEADLINE_S = 30
# Between two records on kcat's standard input; in no record of any test.
RECORD_END = b"=end-of-record=%016x=" % random.getrandbits(64)
KEY_END = b"=end-of-key=%016x=" % random.getrandbits(64)


# ---- test lines -----------------------------------------------------------


class Tap:
    """Runs functions as test cases; prints a line of TAP for each."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def case(self, name, function, *args):
        self.count += 1
        try:
            function(*args)
        except Exception as why:  # whatever it is, it is this case's failure
            self.failed += 1
            print(f"not ok {self.count} - {name}")
            words = str(why) if isinstance(why, AssertionError) and str(why) \
                else traceback.format_exc()
            print("\n".join("# " + line for line in words.splitlines()))
        else:
            print(f"ok {self.count} - {name}")
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)


def same(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError(f"{what}: is {got!r}, wanted {wanted!r}")


# ---- messages -------------------------------------------------------------


def plain(value):
    """As the schemas see a message: bytes as text, or as base64."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return {"base64": ""}
        return {"base64": ""} if "\0" in text else text
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def schema(name):
    return json.loads((ROOT / "schemas" / f"{name}.json").read_text())


def conforms(name, message):
    checker = jsonschema.Draft202012Validator(schema(name))
    for error in checker.iter_errors(plain(message)):
        path = ".".join(map(str, error.absolute_path))
        raise AssertionError(f"{name}.json: {path}: {error.message[:300]}")


class Record:
    """One record as kcat read it."""

    def __init__(self, words, headers, key, value):
        _, partition, offset, timestamp, _, _ = words
        self.partition = int(partition)
        self.offset = int(offset)
        self.timestamp_ms = int(timestamp)
        self.header_text = headers
        self.headers = dict(
            pair.split("=", 1) for pair in headers.split(",") if "=" in pair
        )
        self.key = key
        self.value = value

    @property
    def message(self):
        return msgpack.unpackb(self.value)


# ---- Kafka, by kcat -------------------------------------------------------


def kcat(brokers, mode, *args):
    tuning = {
        "-P": ["-X", "message.max.bytes=20000000"],
        # The embedded broker has no long poll.
        "-C": ["-X", "fetch.wait.max.ms=5"],
    }
    return ["kcat", "-b", brokers, "-q", mode, *tuning[mode], *args]


def sized(stream, size):
    """A field of %s or %k: -1 is null."""
    return None if size < 0 else stream.read(size)


class Tail:
    """Follows a topic from its beginning, in a kcat of its own."""

    FORMAT = "%t %p %o %T %K %S\n%h\n%k%s\n"

    def __init__(self, brokers, topic):
        self.records = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            kcat(brokers, "-C", "-u", "-t", topic, "-o", "beginning",
                 "-f", self.FORMAT),
            stdout=subprocess.PIPE,
        )
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        out = self.process.stdout
        while True:
            words = out.readline().decode().split()
            if len(words) != 6:
                return
            headers = out.readline().decode(errors="replace").rstrip("\n")
            record = Record(words, headers, sized(out, int(words[4])),
                            sized(out, int(words[5])))
            out.readline()
            with self.changed:
                self.records.append(record)
                self.changed.notify_all()

    def wait(self, found, deadline_s=DEADLINE_S, what=""):
        """The value of found(records) as soon as it is true."""
        with self.changed:
            got = None

            def is_there():
                nonlocal got
                got = found(self.records)
                return got

            if not self.changed.wait_for(is_there, deadline_s):
                raise AssertionError(
                    f"nothing after {deadline_s} s: {what or found}; "
                    f"{len(self.records)} records"
                )
            return got

    def with_key(self, key):
        key = key if isinstance(key, bytes) else key.encode()
        with self.changed:
            return [r for r in self.records if r.key == key]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


def read_all(brokers, topic):
    """Every record there is now, by a kcat that ends at the end."""
    out = subprocess.run(
        kcat(brokers, "-C", "-e", "-t", topic, "-o", "beginning",
             "-f", Tail.FORMAT),
        stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S,
    ).stdout
    found = []
    while out:
        line, out = out.split(b"\n", 1)
        headers, out = out.split(b"\n", 1)
        words = line.decode().split()
        key_size, size = (max(int(w), 0) for w in words[4:6])
        key, value = out[:key_size], out[key_size:key_size + size]
        found.append(Record(words, headers.decode(),
                            None if words[4] == "-1" else key,
                            None if words[5] == "-1" else value))
        out = out[key_size + size + 1:]
    return found


# ---- processes ------------------------------------------------------------


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def family(pid):
    found = []
    for child in children(pid):
        found += [child] + family(child)
    return found


def uid_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("Uid:"))


def wait_dead(pid, deadline_s=DEADLINE_S):
    """Returns when it is dead (a zombie is dead)."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([fd], [], [], deadline_s)[0]:
            raise AssertionError(f"process {pid} is still there")
    finally:
        os.close(fd)


def is_payload(pid):
    """Of a launcher's family: neither it nor what it keeps ready."""
    return name_of(pid) not in ("fy-launcher", "fy-slot", "box-init", None)


def name_of(pid):
    """As in `ps`; None when it is gone or dying."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8",
                  errors="replace") as f:
            before, _, after = f.read().rpartition(")")
    except OSError:
        return None
    return None if after.split()[0] in "ZX" else before.partition("(")[2]


def processes_of_uids(first, count):
    """Those whose real user id is one of the boxes'."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/status", encoding="utf-8") as f:
                status = dict(line.split(":", 1) for line in f if ":" in line)
        except OSError:
            continue
        uid = int(status["Uid"].split()[0])
        if first <= uid < first + count and "Z" not in status["State"]:
            found.append(int(entry))
    return found


def cgroup_directories():
    """The workers' own, in every hierarchy."""
    return {str(p) for p in Path("/sys/fs/cgroup").glob("**/forkyard/w*")
            if p.is_dir()}


# ---- the fleet ------------------------------------------------------------


class RealKafka:
    """The broker that tests/run.py started for all tests of its kind: each
    fleet has topics and a group of its own there. Without one a fleet uses
    the embedded broker."""

    count = 0

    def __init__(self):
        RealKafka.count += 1
        self.address = os.environ["TEST_KAFKA"]
        self.prefix = f"t{os.getpid()}-{RealKafka.count}."

    def settings(self):
        protocol = os.environ.get("TEST_KAFKA_PROTOCOL", "classic")
        # A dead member is noticed as soon as by the embedded broker. One
        # queue: of several, this protocol may give all of one to one worker.
        classic = {"kafka.session.timeout.ms": 2000,
                   "kafka.heartbeat.interval.ms": 200,
                   "topics.queues": "default:3"}
        return {"topics.prefix": self.prefix, "topics.group": self.prefix,
                "kafka.group.protocol": protocol,
                **(classic if protocol == "classic" else {})}

    def make_topics(self, program):
        """As many partitions as the embedded broker has: hundreds per fleet
        are more than a small node needs to carry."""
        wanted = yaml.safe_load(
            (ROOT / "broker-config" / "topics.yaml").read_text())
        for topic in wanted["topics"]:
            topic["partitions"] = topic["embedded"]
        path = Path(TMPDIR) / "topics.yaml"
        path.write_text(yaml.safe_dump(wanted))
        subprocess.run(
            [str(program), "topics", "apply", "--file", str(path),
             "--brokers", self.address, "--set",
             f"topics.prefix={self.prefix}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
            timeout=DEADLINE_S)

    @classmethod
    def find(cls):
        return cls() if os.environ.get("TEST_KAFKA") else None


class Fleet:
    """`forkyard dev`, and what it takes to use it."""

    UID_RANGE = 4096  # of one worker of dev

    def __init__(self, workers=2, slots=4, settings=None, prefix=(),
                 env=None, program=FORKYARD):
        self.tails = {}
        self.topic_prefix = "forkyard."
        self.group = "forkyard"
        # A range of our own: other fleets may be on this machine.
        self.uid_base = 1000000000 + os.getpid() % 40000 * 4 * self.UID_RANGE
        self.worker_count = workers
        self.words_path = Path(TMPDIR) / f"dev.{id(self)}.err"
        command = [*prefix, str(program), "dev", "--json",
                   "--workers", str(workers), "--slots", str(slots)]
        settings = {"box.uid_base": self.uid_base, **(settings or {})}
        real = RealKafka.find()
        if real:
            real.make_topics(program)
            self.topic_prefix = self.group = real.prefix
            command += ["--kafka", real.address]
            settings = {**real.settings(), **settings}
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        with open(self.words_path, "wb") as words:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=words,
                env={**os.environ, **(env or {})},
            )
        line = self._first_line()
        self.kafka = line["kafka"]
        self.workers = {w["id"]: w["pid"] for w in line["workers"]}
        self.metrics = {w["id"]: w["metrics"] for w in line["workers"]}

    def _first_line(self):
        fd = self.process.stdout.fileno()
        if not select.select([fd], [], [], DEADLINE_S)[0]:
            self.kill()
            raise AssertionError(f"dev is not ready: {self.words()}")
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise AssertionError(f"dev ended: {self.words()}")
        return json.loads(line)

    def words(self):
        return self.words_path.read_text(errors="replace")

    def wait_words(self, text, times=1, deadline_s=DEADLINE_S):
        """Until dev has said it so many times; a line wakes us, by tail."""
        with subprocess.Popen(
            ["tail", "-n", "+1", "-f", "--pid", str(self.process.pid),
             str(self.words_path)], stdout=subprocess.PIPE,
        ) as tail:
            timer = threading.Timer(deadline_s, tail.kill)
            timer.start()
            try:
                for line in tail.stdout:
                    times -= text.encode() in line
                    if times == 0:
                        return
                raise AssertionError(f"dev did not say '{text}'")
            finally:
                timer.cancel()
                tail.kill()

    # ---- jobs and results

    def topic(self, name):
        return self.topic_prefix + name

    def tail(self, name):
        if name not in self.tails:
            self.tails[name] = Tail(self.kafka, self.topic(name))
        return self.tails[name]

    def produce(self, value, key=None, headers=(), topic="jobs.default",
                null=False):
        """One record, raw bytes; null: no value at all."""
        if key is None:
            path = Path(TMPDIR) / "record"
            path.write_bytes(value)
            self._kcat_produce(topic, headers, [str(path)], b"")
        else:
            self.produce_many([(key.encode(), value)], topic, headers, null)

    def produce_many(self, records, topic="jobs.default", headers=(),
                     null=False):
        """[(key, value)] in one go, as bytes."""
        data = b"".join(k + KEY_END + v + RECORD_END for k, v in records)
        args = ["-D", RECORD_END.decode(), "-K", KEY_END.decode()]
        self._kcat_produce(topic, headers, args + ["-Z"] * null, data)

    def _kcat_produce(self, topic, headers, args, data):
        for name, text in headers:
            args = ["-H", f"{name}={text}", *args]
        subprocess.run(
            kcat(self.kafka, "-P", "-t", self.topic(topic), *args),
            input=data, check=True, timeout=DEADLINE_S,
        )

    def submit(self, jobs, topic="jobs.default"):
        self.produce_many(
            [(j["job_id"].encode(), msgpack.packb(j)) for j in jobs], topic)

    def result_records(self, job_id, count=1, deadline_s=DEADLINE_S):
        key = job_id.encode()

        def found(records):
            mine = [r for r in records if r.key == key]
            return mine if len(mine) >= count else None

        return self.tail("results").wait(found, deadline_s,
                                         f"{count} results of {job_id}")

    def result(self, job_id, deadline_s=DEADLINE_S):
        """The first, which is the one that counts."""
        return self.result_records(job_id, 1, deadline_s)[0].message

    def results(self, job_ids, deadline_s=DEADLINE_S):
        """{job_id: first result} of all of them."""
        wanted = {i.encode() for i in job_ids}

        def found(records):
            return wanted <= {r.key for r in records}

        tail = self.tail("results")
        tail.wait(found, deadline_s, f"results of {len(wanted)} jobs")
        with tail.changed:
            firsts = {}
            for record in tail.records:
                if record.key in wanted:
                    firsts.setdefault(record.key, record)
        return {k.decode(): r.message for k, r in firsts.items()}

    def run(self, **job):
        job.setdefault("job_id", f"job-{random.getrandbits(64):016x}")
        self.submit([job])
        return self.result(job["job_id"])

    def is_well(self):
        """A good job right now succeeds."""
        got = self.run(language="shell", code="echo well")
        same((got["status"], got["stdout"]), ("success", b"well\n"),
             "a good job")

    # ---- workers

    def launcher_of(self, worker_pid):
        found = children(worker_pid)
        same(len(found), 1, f"children of worker {worker_pid}")
        return found[0]

    def box_processes(self):
        return processes_of_uids(self.uid_base,
                                 self.worker_count * self.UID_RANGE)

    def payloads(self):
        """Of these, what jobs are: boxes ahead of their jobs hold none."""
        return [pid for pid in self.box_processes() if is_payload(pid)]

    def worker_pids(self):
        """Of the moment: restarted workers have new ones."""
        found = {}
        for pid in children(self.process.pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().decode().split("\0")
            except OSError:
                continue
            found.update({w.split("=", 1)[1]: pid for w in words
                          if w.startswith("worker.id=")})
        return found

    # ---- the end

    def stop(self, deadline_s=DEADLINE_S):
        """SIGTERM; asserts a clean end that leaves nothing."""
        for tail in self.tails.values():
            tail.close()
        self.tails = {}
        all_pids = family(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("dev does not stop") from None
        same(status, 0, f"exit status of dev ({self.words()[-500:]})")
        for pid in all_pids:
            wait_dead(pid, 10)
        same(self.box_processes(), [], "processes of boxes")

    def kill(self):
        for tail in self.tails.values():
            tail.close()
        self.tails = {}
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None and kind is None:
            self.stop()
        else:
            self.kill()
        self.process.stdout.close()


def needs(program):
    """What a test says when a program is not there, or None."""
    return None if shutil.which(program) else f"{program} is not installed"


def now_s():
    return time.monotonic()
