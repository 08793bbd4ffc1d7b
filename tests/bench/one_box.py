#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the CPU time of one boxed run goes, call by call, as a table.

    tests/bench/one_box.py [--runs 3000] [--least 1.0] [--slots N] [PROGRAM]

As root, with perf and strace. Times are samples of the CPU clock over many
runs, put to the system call they fell into: a tracer that stops at every call
would cost more than most calls do. strace only counts the calls, in runs of
their own. Work that kernel threads do later belongs to no process: it is
listed apart, for the whole machine, so nothing else should run meanwhile.
"""
import argparse
import collections
import os
import re
import subprocess
import tempfile

HZ = 9999
SLOTS = []  # of bench-box; none: as many as a worker has
# What the kernel calls them, where the entry was compiled into its caller.
INNER = {
    "do_seccomp": "seccomp",
    "kernel_wait4": "wait4",
    "kernel_clone": "clone3",
    "vm_mmap_pgoff": "mmap",
    "mmap_pgoff": "mmap",
    "do_writev": "writev",
    "do_mkdirat": "mkdirat",
    "do_sys_openat2": "openat",
}
DULL = {"do_syscall_64", "entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64",
        "x64_sys_call", "[unknown]", "syscall"}
THREADS = ("kworker", "ksoftirqd", "rcu_", "migration")
THREAD_DULL = {"ret_from_fork_asm", "ret_from_fork", "kthread",
               "worker_thread", "process_one_work", "smpboot_thread_fn",
               "run_ksoftirqd", "handle_softirqs", "kthread_worker_fn"}


def wrapper_name(frames):
    """The name of the C library's function that made the call."""
    for frame in frames:
        if frame not in DULL:
            name = re.sub(r"^(__GI_|_+libc_|_+)+", "", frame)
            return re.sub(r"(64|@.*)$", "", name)
    return "?"


def call_of(frames):
    """What a sample counts for, and the kernel's functions below it."""
    if "do_exit" in frames:
        return "(end of the process)", frames[:frames.index("do_exit")]
    if "do_syscall_64" in frames:
        at = frames.index("do_syscall_64")
        below = at - 1
        while below >= 0 and frames[below] in DULL:
            below -= 1
        if below < 0:
            return wrapper_name(frames[at:]), []
        found = re.match(r"(?:__x64_sys_|__se_sys_|__do_sys_|ksys_|__sys_)"
                         r"(\w+)", frames[below])
        name = found.group(1) if found else frames[below]
        if not found and name not in INNER:
            name = wrapper_name(frames[at:])
        return INNER.get(name, name), frames[:below]
    if any("exc_page_fault" in frame for frame in frames):
        return "(page faults)", []
    if any("ret_from_fork" in frame for frame in frames):
        return "(first steps)", []
    if any("SYSCALL_64" in frame for frame in frames):
        return wrapper_name(frames), []
    return "(user mode)", []


class Profile:
    """Samples of perf, by process and call."""

    def __init__(self, root):
        self.root = root
        self.is_on = False  # between boot and end
        self.ours = {root}
        self.names = {root: "engine"}
        self.samples = collections.Counter()  # (pid, call)
        self.below = collections.defaultdict(collections.Counter)
        self.threads = collections.Counter()

    def event(self, line):
        fork = re.search(r"PERF_RECORD_FORK\((\d+):\d+\):\((\d+):", line)
        name = re.search(r"PERF_RECORD_COMM\S*(?: exec)?: (.*):(\d+)/", line)
        if fork and int(fork.group(2)) in self.ours:
            self.ours.add(int(fork.group(1)))
        elif name and int(name.group(2)) == self.root:
            self.is_on = name.group(1) == "bench-runs"
        elif name:
            # What it was before it took a name of its own counts for it too.
            self.names.setdefault(int(name.group(2)), name.group(1))

    def sample(self, comm, pid, frames):
        if not self.is_on:
            return
        if pid in self.ours:
            call, below = call_of(frames)
            self.samples[pid, call] += 1
            for frame in set(below[-3:]):
                self.below[pid, call][frame] += 1
        elif comm.startswith(THREADS):
            work = [f for f in frames if f not in THREAD_DULL][-2:]
            self.threads[" < ".join(reversed(work))] += 1

    def by_name(self):
        samples = collections.Counter()
        below = collections.defaultdict(collections.Counter)
        for (pid, call), count in self.samples.items():
            key = (self.names.get(pid, "?"), call)
            samples[key] += count
            below[key].update(self.below[pid, call])
        return samples, below


def read_profile(path, root):
    profile = Profile(root)
    header, frames = None, []
    with subprocess.Popen(
            ["perf", "script", "-i", path, "--show-task-events",
             "-F", "comm,pid,ip,sym"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True) as script:
        for line in script.stdout:
            if "PERF_RECORD_" in line:
                profile.event(line)
            elif not line.strip():
                if header:
                    comm, pid = header.rsplit(None, 1)
                    profile.sample(comm.strip(), int(pid), frames)
                header, frames = None, []
            elif header is None:
                header = line
            else:
                frames.append((line.split() + ["?"])[1])
    return profile


def record(forkyard, program, runs, folder):
    data = os.path.join(folder, "perf.data")
    pid_file = os.path.join(folder, "pid")
    subprocess.run(
        ["perf", "record", "-q", "-F", str(HZ), "-a", "-g", "-e", "cpu-clock",
         "-o", data, "sh", "-c", 'echo $$ >"$1"; shift; exec "$@"', "sh",
         pid_file, forkyard, "bench-box", program, str(runs)] + SLOTS,
        check=True, stdout=subprocess.DEVNULL)
    with open(pid_file, encoding="utf-8") as file:
        return read_profile(data, int(file.read()))


def count_calls(forkyard, program, runs, folder):
    """Calls by (name of the process, call) in so many runs, and the boot."""
    path = os.path.join(folder, "strace")
    subprocess.run(["strace", "-f", "-qq", "-o", path, "-e", "signal=none",
                    forkyard, "bench-box", program, str(runs)] + SLOTS,
                   check=True, stdout=subprocess.DEVNULL)
    names, calls, root = {}, collections.Counter(), None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"(\d+) +(\w+)\((.*)", line)
            if not found:
                continue
            pid, call, rest = found.groups()
            root = root or pid
            calls[pid, "clone3" if call == "clone" else call] += 1
            name = re.match(r'PR_SET_NAME, "([^"]*)"', rest)
            if call == "execve":
                name = re.match(r'"(?:[^"]*/)?([^"/]*)"', rest)
            if name and (call in ("prctl", "execve")):
                names.setdefault(pid, name.group(1))
    names[root] = "engine"
    by_name = collections.Counter()
    for (pid, call), count in calls.items():
        by_name[names.get(pid, "?"), call.replace("newfstatat", "fstatat")] \
            += count
    return by_name


def calls_per_run(forkyard, program, folder):
    few = count_calls(forkyard, program, 10, folder)
    many = count_calls(forkyard, program, 40, folder)
    return {key: (count - few[key]) / 30 for key, count in many.items()}


def print_table(profile, calls, runs, least):
    def us(count):
        return count * 1e6 / HZ / runs

    samples, below = profile.by_name()
    total = sum(samples.values())
    by_process = collections.Counter()
    for (name, _), count in samples.items():
        by_process[name] += count
    print(f"{us(total):.0f} µs per run, {runs} runs\n")
    print("| process | call | calls | µs | % | mostly in |")
    print("|---|---|---|---|---|---|")
    for name, all_of_it in by_process.most_common():
        if all_of_it * 100 < total * least:
            continue
        print(f"| **{name}** | | | **{us(all_of_it):.0f}** | "
              f"**{100 * all_of_it / total:.1f}** | |")
        rest = all_of_it
        mine = {c: n for (p, c), n in samples.items() if p == name}
        for call, count in sorted(mine.items(), key=lambda x: -x[1]):
            if count * 100 < total * least:
                continue
            rest -= count
            where = ", ".join(f"{f} {us(n):.0f}" for f, n in
                              below[name, call].most_common(4)
                              if n * 10 > count)
            often = calls.get((name, call))
            print(f"| | {call} | {f'{often:.0f}' if often else ''} | "
                  f"{us(count):.0f} | {100 * count / total:.1f} | {where} |")
        print(f"| | the rest | | {us(rest):.0f} | {100 * rest / total:.1f} "
              f"| |")
    print("\n| kernel threads, the whole machine | µs |\n|---|---|")
    for work, count in profile.threads.most_common(10):
        print(f"| {work} | {us(count):.0f} |")
    print(f"| all of them | {us(sum(profile.threads.values())):.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--least", type=float, default=1.0,
                        help="per cent that makes a line; default 1")
    parser.add_argument("--slots", type=int)
    parser.add_argument("program", nargs="?", default="/usr/bin/true")
    args = parser.parse_args()
    SLOTS.extend([str(args.slots)] if args.slots else [])
    forkyard = os.path.abspath(os.environ.get("FORKYARD", "build/forkyard"))
    with tempfile.TemporaryDirectory() as folder:
        profile = record(forkyard, args.program, args.runs, folder)
        calls = calls_per_run(forkyard, args.program, folder)
    print_table(profile, calls, args.runs, args.least)


if __name__ == "__main__":
    main()
