# SPDX-License-Identifier: MIT
"""Apache Kafka for the tests: real nodes on the loopback, one or three.

    with Cluster() as kafka:
        kafka.create_topic("mine", partitions=3)
        use(kafka.brokers)
        kafka.kill(1); kafka.start(1)

What they run is what deploy/build/kafka.sh has fetched, with the settings of
broker-config/kafka/. Data is below TMPDIR, ports are any that are free, below
those that the kernel gives to clients, so that nobody else has a node's port
when it comes back. A node dies with the process that started it. Everything
here waits for an event, with a deadline.
"""

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = ROOT / "broker-config" / "kafka"
CLUSTER_ID = "Zm9ya3lhcmQtdGVzdHMtMQ"  # 16 bytes, as Kafka writes them
STARTED = "Kafka Server started"
START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
PORT_FIRST = 20000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


def place():
    """Where Kafka is, or None."""
    script = ROOT / "deploy" / "build" / "kafka.sh"
    found = subprocess.run([str(script), "where"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
    where = found.stdout.decode().strip()
    return Path(where) if where and shutil.which("java") else None


def missing():
    """Why there is no Kafka here, or None."""
    if place():
        return None
    return "no Kafka here: make kafka fetches it"


def free_port():
    with open("/proc/sys/net/ipv4/ip_local_port_range",
              encoding="ascii") as f:
        last = int(f.read().split()[0]) - 1
    # A range of the kernel's that leaves us none: then one of those.
    for _ in range(1000 if last > PORT_FIRST else 0):
        port = random.SystemRandom().randrange(PORT_FIRST, last)
        try:
            return bound(port)
        except OSError:
            continue
    return bound(0)


def bound(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        return s.getsockname()[1]


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tool(brokers, name, *words, check=True):
    """What one of Kafka's own commands printed; it takes a second."""
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m",
         "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
         "-cp", f"{place() / 'lib'}/*", f"org.apache.kafka.tools.{name}",
         "--bootstrap-server", brokers, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=START_DEADLINE_S, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0 or not check, f"{name}: {said}"
    return said


class PortTaken(Exception):
    pass


class Node:
    """One process; its directory stays when it ends."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.directory = cluster.directory / f"node{number}"
        self.process = None
        self.choose_ports()

    def choose_ports(self):
        self.port = free_port()
        self.controller_port = free_port()
        self.secured_ports = {name: free_port()
                              for name in self.cluster.secured_listeners()}

    @property
    def address(self):
        return f"{self.cluster.host}:{self.port}"

    def _configure(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        text = self.cluster.base_settings() + "".join(
            f"{name}={value}\n" for name, value in {
                "node.id": self.number,
                **self._listeners(),
                "controller.quorum.voters": self.cluster.voters(),
                "log.dirs": self.directory / "data",
                **self.cluster.settings,
            }.items())
        (self.directory / "server.properties").write_text(text)

    def _listeners(self):
        ports = {"CLIENT": self.port, "CONTROLLER": self.controller_port,
                 **self.secured_ports}
        hosts = {"CONTROLLER": "127.0.0.1"}
        return {
            "listeners": ",".join(
                f"{name}://{hosts.get(name, self.cluster.host)}:{port}"
                for name, port in ports.items()),
            "listener.security.protocol.map": ",".join(
                f"{name}:{'SASL_SSL' if name in self.secured_ports else 'PLAINTEXT'}"
                for name in ports),
        }

    def _java(self, *words):
        security = self.cluster.security
        return ["java", f"@{SETTINGS / 'jvm.options'}",
                *(security.java_words() if security else ()),
                f"-XX:ErrorFile={self.directory / 'crash'}",
                "-cp", f"{self.cluster.place / 'lib'}/*", *words]

    def format(self):
        """Begins it; the caller waits."""
        security = self.cluster.security
        self._configure()
        return subprocess.Popen(
            self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID,
                       "-c", str(self.directory / "server.properties"),
                       *(security.format_words() if security else ())),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=die_with_parent)

    def spawn(self):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            self._java("kafka.Kafka",
                       str(self.directory / "server.properties")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True,
                                       args=(self.process.stdout,))
        self.reader.start()

    def _read(self, out):
        with open(self.directory / "log", "ab") as log:
            for line in out:
                log.write(line)
                log.flush()
                with self.changed:
                    self.lines.append(line.decode(errors="replace"))
                    self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def wait_started(self, deadline_s=START_DEADLINE_S):
        def is_over():
            return None in self.lines or any(
                STARTED in line for line in self.lines)

        with self.changed:
            if not self.changed.wait_for(is_over, deadline_s):
                raise AssertionError(f"Kafka is not ready after {deadline_s}"
                                     f" s: {self.words()}")
            if None not in self.lines:
                return
        if "Address already in use" in self.words():
            raise PortTaken(self.address)
        raise AssertionError(f"Kafka ended: {self.words()}")

    def words(self):
        return "".join(line for line in self.lines[-20:] if line)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_ended(self, deadline_s=STOP_DEADLINE_S):
        self.process.wait(deadline_s)
        self.reader.join()
        self.process.stdout.close()
        self.process = None


class Cluster:
    """nodes: 1 or 3. settings: lines of server.properties, for every node.
    host: where clients find them, one of this machine's addresses.
    security: see kafka_security.py; None: anyone may do anything."""

    def __init__(self, nodes=1, settings=None, security=None,
                 host="127.0.0.1"):
        self.place = place()
        assert self.place, missing()
        self.security = security
        self.host = host
        self.settings = {**(security.settings() if security else {}),
                         **(settings or {})}
        self.directory = Path(tempfile.mkdtemp(
            prefix="kafka.", dir=os.environ.get("TMPDIR", "/tmp")))
        self.nodes = {n: Node(self, n) for n in range(1, nodes + 1)}
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def _begin(self):
        for attempt in range(3):
            self._format()
            try:
                self.start(*self.nodes)
                return
            except PortTaken:
                if attempt == 2:
                    raise
                self.kill(*[n for n, node in self.nodes.items()
                            if node.process])
                for node in self.nodes.values():
                    node.choose_ports()

    def _format(self):
        for process in [n.format() for n in self.nodes.values()]:
            _, words = process.communicate(timeout=START_DEADLINE_S)
            assert process.returncode == 0, words.decode()

    def base_settings(self):
        files = ["server.properties"]
        if len(self.nodes) > 1:
            files.append("three-nodes.properties")
        if self.security:
            files.append("secured.properties")
        return "".join((SETTINGS / name).read_text() for name in files)

    def voters(self):
        return ",".join(f"{n.number}@127.0.0.1:{n.controller_port}"
                        for n in self.nodes.values())

    def secured_listeners(self):
        return self.security.listeners if self.security else ()

    @property
    def brokers(self):
        return ",".join(node.address for node in self.nodes.values())

    def secured(self, listener):
        """Where clients find a listener that asks who they are."""
        return ",".join(f"{self.host}:{node.secured_ports[listener]}"
                        for node in self.nodes.values())

    # ---- nodes: all, or those that are named

    def start(self, *numbers):
        """Returns when they answer."""
        chosen = self._chosen(numbers)
        for node in chosen:
            node.spawn()
        for node in chosen:
            node.wait_started()

    def end(self, *numbers):
        """SIGTERM, and until they have ended."""
        self._signal(numbers, signal.SIGTERM)

    def kill(self, *numbers):
        self._signal(numbers, signal.SIGKILL)

    def restart(self, *numbers):
        self.end(*numbers)
        self.start(*numbers)

    def pause(self, *numbers):
        for node in self._chosen(numbers):
            node.signal(signal.SIGSTOP)

    def resume(self, *numbers):
        for node in self._chosen(numbers):
            node.signal(signal.SIGCONT)

    def _chosen(self, numbers):
        return [self.nodes[n] for n in numbers or self.nodes]

    def _signal(self, numbers, number):
        chosen = self._chosen(numbers)
        for node in chosen:
            node.signal(number)
        for node in chosen:
            node.wait_ended()

    def is_running(self):
        return all(node.process and node.process.poll() is None
                   for node in self.nodes.values())

    def words(self):
        """The last of each."""
        return "".join(node.words() for node in self.nodes.values())

    # ---- administration, by Kafka's own commands

    def tool(self, name, *words, check=True):
        """TopicCommand, AclCommand, consumer.group.ConsumerGroupCommand..."""
        return tool(self.brokers, name, *words, check=check)

    def create_topic(self, name, partitions=1, **config):
        words = []
        for key, value in config.items():
            words += ["--config", f"{key.replace('_', '.')}={value}"]
        self.tool("TopicCommand", "--create", "--topic", name,
                  "--partitions", str(partitions), *words)

    def produce(self, topic, value):
        """One record without a key."""
        subprocess.run(["kcat", "-P", "-b", self.brokers, "-t", topic, "-D",
                        "end-of-no-record"], input=value, check=True,
                       timeout=START_DEADLINE_S)

    def delete_topic(self, name):
        self.tool("TopicCommand", "--delete", "--topic", name)

    # ---- the end

    def stop(self):
        """At once: what they have on disk goes too."""
        for node in self.nodes.values():
            if node.process:
                node.signal(signal.SIGKILL)
                node.wait_ended()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    """For trying: a cluster until Ctrl-C."""
    began = time.monotonic()
    with Cluster(int(os.environ.get("NODES", "1"))) as kafka:
        print(kafka.brokers, f"after {time.monotonic() - began:.1f} s",
              flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
