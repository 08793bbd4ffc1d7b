# SPDX-License-Identifier: MIT
"""A network of our own for a run, and one for each worker that is to lose it.

    own_world() once, before any thread: a network and a mount namespace that
        nobody else sees, brokers at HOST
    Wire(n): a network namespace joined to it by two ends of a cable, to be
        cut in one direction or both, or made slow

Namespaces live as long as the processes in them: nothing to clean up."""

import concurrent.futures
import ctypes
import os
import signal
import subprocess

HOST = "10.99.0.1"
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def own_world():
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", HOST + "/32", "dev", "lo")


def has_netem():
    """Delays need a module that small kernels lack."""
    done = subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "netem",
                           "delay", "0ms"], stderr=subprocess.DEVNULL,
                          check=False)
    if done.returncode == 0:
        run("tc", "qdisc", "del", "dev", "lo", "root")
    return done.returncode == 0


class Wire:
    def __init__(self, number):
        self.near = f"fy{number}"
        self.address = f"10.99.{number}.2"
        # A process that does nothing holds the namespace.
        self.holder = spawned(
            subprocess.Popen,
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.holder.stdout.readline()
        pid = str(self.holder.pid)
        gateway = f"10.99.{number}.1"
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name",
            "far", "netns", pid)
        run("ip", "address", "add", gateway + "/30", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        for words in (["link", "set", "lo", "up"],
                      ["address", "add", self.address + "/30", "dev", "far"],
                      ["link", "set", "far", "up"],
                      ["route", "add", "default", "via", gateway]):
            run(*self.inside("ip", *words))

    def inside(self, *words):
        """The command, to be run in it."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *words]

    # ---- faults

    def cut(self, way):
        """in: nothing reaches the worker; out: nothing comes from it."""
        for rule in self.rules(way):
            run("iptables", "-w", "-A", *rule)

    def mend(self, way):
        for rule in self.rules(way):
            run("iptables", "-w", "-D", *rule)

    def rules(self, way):
        both = {"in": ["OUTPUT", "-o", self.near, "-j", "DROP"],
                "out": ["INPUT", "-i", self.near, "-j", "DROP"]}
        return [both[w] for w in (("in", "out") if way == "both" else (way,))]

    def slow(self):
        """Half a second more per round trip; without netem, a bandwidth that
        makes it about as long."""
        words = ["netem", "delay", "250ms"] if has_netem() else \
            ["tbf", "rate", "512kbit", "burst", "4kb", "latency", "2s"]
        run("tc", "qdisc", "add", "dev", self.near, "root", *words)
        run(*self.inside("tc", "qdisc", "add", "dev", "far", "root", *words))
        return words[0]

    def quick(self):
        run("tc", "qdisc", "del", "dev", self.near, "root")
        run(*self.inside("tc", "qdisc", "del", "dev", "far", "root"))

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        # With its other end it would go too, but not at once.
        subprocess.run(["ip", "link", "del", self.near], check=False,
                       stderr=subprocess.DEVNULL)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# What dies with its parent dies with the very thread that forked it: children
# are made in one that stays.
SPAWNER = concurrent.futures.ThreadPoolExecutor(1)


def spawned(function, *args, **more):
    return SPAWNER.submit(function, *args, **more).result()
