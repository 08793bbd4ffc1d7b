# SPDX-License-Identifier: MIT
"""Decides whether a run under faults kept the promise, from its history alone.

    python3 tests/fault/checker.py HISTORY.jsonl

Knows nothing of the product but what it promises: Python's standard library,
and the format of a commit's metadata as worker/wire/offsets_set.h tells it,
decoded here anew. The lines of a history are described in README.md. Exit
status 1 when there is a violation.
"""

import base64
import binascii
import json
import sys
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict

SHOWN = 10  # of each kind of violation
FOREVER = float("inf")
# Faults that keep results from the broker, and how long a worker that is
# asked to end waits for it.
AWAY = ("broker-", "cut", "slow", "min-isr", "disk-full")
DRAIN_S = 15
# Of those, the ones that keep every worker from hearing of anything.
SILENT = ("broker-", "disk-full")


# ---- a commit's metadata ---------------------------------------------------


class BadMetadata(Exception):
    pass


def number(raw, at):
    """LEB128: (value, where the next begins)."""
    value = shift = 0
    while True:
        if at >= len(raw):
            raise BadMetadata("cut short")
        value |= (raw[at] & 127) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 128:
            return value, at


def runs_of(raw, at, low):
    offset = low
    while at < len(raw):
        unfinished, at = number(raw, at)
        finished, at = number(raw, at)
        if finished == 0:
            raise BadMetadata("an empty run")
        offset += unfinished
        yield offset, offset + finished
        offset += finished


def bits_of(raw, at, low):
    for i in range((len(raw) - at) * 8):
        if raw[at + i // 8] >> (i % 8) & 1:
            yield low + i, low + i + 1


def finished_set(text, low):
    """[(from, to)] of finished offsets beyond low."""
    if not text:
        return []
    if not text.startswith("fy1."):
        raise BadMetadata(f"begins with {text[:4]!r}")
    try:
        raw = base64.b64decode(text[4:], validate=True)
    except (binascii.Error, ValueError) as why:
        raise BadMetadata(f"no base64: {why}") from None
    if len(raw) < 9:
        raise BadMetadata("cut short")
    raw, crc = raw[:-4], raw[-4:]
    if zlib.crc32(raw) != int.from_bytes(crc, "big"):
        raise BadMetadata("wrong checksum")
    said_low, at = number(raw, 1)
    if said_low != low:
        raise BadMetadata(f"of offset {said_low}, committed with {low}")
    _, at = number(raw, at)  # leader epochs: not judged
    _, at = number(raw, at)
    kinds = {1: runs_of, 2: bits_of}
    if raw[0] not in kinds:
        raise BadMetadata(f"kind {raw[0]}")
    return list(kinds[raw[0]](raw, at, low))


# ---- the history -----------------------------------------------------------


class Job:
    __slots__ = ("sends", "acks", "want", "starts", "results")

    def __init__(self):
        self.sends = 0  # records that are in the log, or may be
        self.acks = []  # times
        self.want = None
        self.starts = []  # (time by the worker's clock, worker)
        self.results = []  # lines, in the order of the log

    def visible(self):
        return self.results[0] if self.results else None


class Fault:
    def __init__(self, line):
        self.id = line["id"]
        self.kind = line["kind"]
        self.begin = line["t"]
        self.end = FOREVER
        self.settle = line.get("settle", 0)
        self.bound = line.get("bound")
        self.zombies = set(line.get("zombies", ()))
        self.forgets = line.get("forgets", False)
        self.forged = {tuple(row) for row in line.get("forged", ())}

    def over(self):
        return self.end + self.settle

    def touches(self, first, last):
        return self.begin <= last and first <= self.over()

    def keeps_from_hearing(self, worker):
        return worker in self.zombies or self.kind.startswith(SILENT)


class History:
    def __init__(self, lines):
        self.run = {}
        self.end = None
        self.jobs = defaultdict(Job)
        self.records = {}  # (topic, partition): {offset: job id, None: poison}
        self.poison = {}  # (topic, partition, offset) acknowledged: time
        self.dead = {}  # (topic, partition, offset): time stamp
        self.commits = []
        self.faults = {}
        self.exits = []
        self.spawns = defaultdict(list)  # worker: times
        self.resources = []
        self.left = None
        self.last_t = 0
        for line in lines:
            kind = line["e"]
            getattr(self, "on_" + kind)(line)
            self.last_t = max(self.last_t, line.get("t", 0))
        self.clock_is_good = self.run.get("clock", "one") == "one"

    @classmethod
    def read(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls(json.loads(line) for line in f)

    def on_run(self, line):
        self.run = line

    def on_ack(self, line):
        place = (line["topic"], line["p"])
        if line["o"] is not None:  # that of a record sent again is not told
            self.records.setdefault(place, {})[line["o"]] = line["job"]
        if line["job"] is None:
            self.poison[(*place, line["o"])] = line["t"]
            return
        job = self.jobs[line["job"]]
        job.sends += 1
        job.acks.append(line["t"])
        job.want = line.get("want")

    def on_nack(self, line):
        if line["job"] is not None:
            self.jobs[line["job"]].sends += 1

    def on_start(self, line):
        self.jobs[line["job"]].starts.append((line["ts"], line["worker"]))

    def on_result(self, line):
        self.jobs[line["job"]].results.append(line)

    def on_dead(self, line):
        self.dead.setdefault(tuple(line["src"]), line["ts"])

    def on_commit(self, line):
        self.commits.append(line)

    def on_fault(self, line):
        self.faults[line["id"]] = Fault(line)

    def on_healed(self, line):
        self.faults[line["id"]].end = line["t"]

    def on_exit(self, line):
        self.exits.append(line)

    def on_resources(self, line):
        self.resources.append(line)

    def on_left(self, line):
        self.left = line

    def on_end(self, line):
        self.end = line

    def on_spawn(self, line):
        self.spawns[line["worker"]].append(line["t"])

    def on_note(self, line):
        pass

    # ---- what several checks ask

    def finish_of(self, place, offset):
        """When the record's outcome was in the log, or None."""
        job_id = self.records[place][offset]
        if job_id is None:
            ts = self.dead.get((*place, offset))
        else:
            results = self.jobs[job_id].results
            ts = min(r["ts"] for r in results) if results else None
        if ts is None:
            return None
        return ts if self.clock_is_good else 0

    def touching(self, first, last):
        return [f for f in self.faults.values() if f.touches(first, last)]

    def forged(self):
        return {row for f in self.faults.values() for row in f.forged}

    def was_kept_from_draining(self, line):
        """It had results that no broker took, and says so by status 1."""
        return line["code"] == 1 and any(
            f.kind.startswith(AWAY) for f in
            self.touching(line["t"] - DRAIN_S, line["t"]))

    def zombie_until(self, fault, worker):
        """Until when it may not know that it is one: it cannot hear of it
        while it is stopped or cut off, or no broker answers. Who is started
        after the fault began never was one."""
        until = fault.over()
        for other in sorted(self.faults.values(), key=lambda f: f.begin):
            if other.keeps_from_hearing(worker) and \
                    fault.begin <= other.over() and other.begin <= until:
                until = max(until, other.over())
        return min([until, *(t for t in self.spawns[worker]
                             if t > fault.begin)])

    def zombies(self):
        """{worker: [(from, until)]}"""
        found = defaultdict(list)
        for fault in self.faults.values():
            for worker in fault.zombies:
                found[worker].append(
                    (fault.begin, self.zombie_until(fault, worker)))
        return found

    def is_executed(self, job):
        """Does it run in a box, as far as the sender knows?"""
        return job.want is None or job.want[0] != "validation_error"


# ---- the checks: each yields what is wrong ---------------------------------


def check_complete(h):
    """A history that stops half-way proves nothing."""
    if not h.run:
        yield "no line tells of the run"
    if not h.end:
        yield "the history has no end"
    elif not h.end["complete"]:
        yield f"not read to the end: {h.end.get('why')}"
    for fault in h.faults.values():
        if fault.end == FOREVER:
            yield f"fault {fault.id} ({fault.kind}) never ended"
    if not any(job.acks for job in h.jobs.values()):
        yield "no job was accepted"
    wanted = h.run.get("faults_least", 0)
    if len(h.faults) < wanted:
        yield f"{len(h.faults)} faults, {wanted} were to be"


def check_finished(h):
    """Every acknowledged job has a terminal result, every acknowledged record
    that is no job a dead letter."""
    for name, job in h.jobs.items():
        if job.acks and not job.results:
            yield f"{name}: accepted, no result"
    for place in h.poison:
        if place not in h.dead:
            yield f"{place}: accepted, no dead letter"


def check_visible(h):
    """What a reader of the first record per job_id sees: one result, of a job
    that was sent, and the right one."""
    allowed = set(h.run.get("allow", ()))
    for name, job in h.jobs.items():
        if not job.results:
            continue
        if not job.sends:
            yield f"{name}: a result, and nobody sent it"
        partitions = {r["p"] for r in job.results}
        if len(partitions) > 1:
            yield f"{name}: results in partitions {sorted(partitions)}"
        if any(r["key"] != name for r in job.results):
            yield f"{name}: a result under another key"
        seen = job.visible()
        if job.want and seen["status"] not in allowed and \
                [seen["status"], seen["out"]] != list(job.want):
            yield f"{name}: {seen['status']} {seen['out']!r}, " \
                  f"wanted {job.want}"
    for place in h.dead:
        job = h.records.get(place[:2], {}).get(place[2])
        if job is not None:
            yield f"{job}: a dead letter, and it is a job"


def check_watermark(h):
    """No commit, and nothing in its metadata, passes an unfinished job."""
    forged = h.forged()
    verified = defaultdict(set)
    order = {place: sorted(of) for place, of in h.records.items()}

    def unfinished(place, first, last, ts):
        offsets = order.get(place, ())
        for i in range(bisect_left(offsets, first), bisect_left(offsets, last)):
            offset = offsets[i]
            if offset in verified[place]:
                continue
            done = h.finish_of(place, offset)
            if done is None or done > ts:
                yield offset, done
            else:
                verified[place].add(offset)

    begun = {}
    for line in h.commits:
        place = (line["topic"], line["p"])
        if line["low"] is None or \
                (*place, line["low"], line["meta"]) in forged:
            continue
        try:
            runs = finished_set(line["meta"], line["low"])
        except BadMetadata as why:
            yield f"{place} at {line['low']}: metadata: {why}"
            runs = []
        # What was verified below an earlier watermark needs no second look.
        first = min(begun.get(place, 0), line["low"])
        begun[place] = max(begun.get(place, 0), line["low"])
        for first, last in [(first, line["low"]), *runs]:
            for offset, done in unfinished(place, first, last, line["ts"]):
                yield f"{place}: committed {line['low']} at {line['ts']}, " \
                      f"{offset} ({h.records[place][offset]}) finished: {done}"


def check_caught_up(h):
    """At the end the watermark is where the records end."""
    last = {}
    for line in h.commits:
        last[(line["topic"], line["p"])] = line["low"]
    for place, records in h.records.items():
        end = max(records) + 1
        if (last.get(place) or 0) < end:
            yield f"{place}: committed {last.get(place)}, records end at {end}"


def check_executions(h):
    """Not more than one, and one for each fault that touched the job; each
    with its write-ahead record, unless a fault may have taken that along."""
    for name, job in h.jobs.items():
        if not job.starts:
            if job.results and h.is_executed(job) and \
                    job.visible()["status"] not in h.run.get("allow", ()) and \
                    not h.touching(min(job.acks or [0]), job.results[0]["t"]):
                yield f"{name}: a result, and no record of a start"
            continue
        again = len(job.starts) - max(job.sends, 1)
        if again <= 0 or not h.clock_is_good:
            continue
        times = sorted(ts for ts, _ in job.starts)
        touching = h.touching(times[0], times[-1])
        most = max(job.sends, 1) * len(touching)  # each record again for each
        if again > most:
            yield f"{name}: {len(times)} starts, {job.sends} sends, touched " \
                  f"by {len(touching)} faults"
        bare = sum(not h.touching(a, b) for a, b in zip(times, times[1:]))
        if bare > max(job.sends, 1) - 1 and again <= most:
            yield f"{name}: started again while there was no fault: {times}"


def check_not_again(h):
    """What was finished and committed does not run again, but by a worker
    that could not know of it."""
    if not h.clock_is_good:
        return
    forgets = [f for f in h.faults.values() if f.forgets]
    zombies = h.zombies()
    forged = h.forged()
    committed = {}  # job: the time since when
    for line in h.commits:
        place = (line["topic"], line["p"])
        records = h.records.get(place, {})
        if line["low"] is None or (*place, line["low"], line["meta"]) in forged:
            continue
        try:
            runs = finished_set(line["meta"], line["low"])
        except BadMetadata:
            continue  # told by check_watermark
        low = committed.setdefault(place, [0, {}])
        for first, last in [(low[0], line["low"]), *runs]:
            for offset in range(first, last):
                if offset in records:
                    low[1].setdefault(offset, line["ts"])
        low[0] = max(low[0], line["low"])
    since = {}
    for place, (_, times) in committed.items():
        for offset, ts in times.items():
            name = h.records[place][offset]
            # Of one that was sent twice, the last.
            since[name] = max(since.get(name, 0), ts)
    for name, job in h.jobs.items():
        for ts, worker in job.starts:
            if name not in since or ts <= since[name]:
                continue
            if any(f.begin <= ts for f in forgets) or \
                    any(begin <= ts <= until
                        for begin, until in zombies[worker]):
                continue
            if len(job.acks) < job.sends:
                continue  # a record whose offset nobody told us
            yield f"{name}: committed as finished at {since[name]}, started " \
                  f"by {worker} at {ts}"


def check_leaks(h):
    """Workers that were asked to end do so well, and nothing stays."""
    for line in h.exits:
        if line["asked"] == "none":
            yield f"worker {line['worker']} ended by itself: {line['code']}"
        elif line["asked"] == "term" and line["code"] != 0 and \
                not h.was_kept_from_draining(line):
            yield f"worker {line['worker']} asked to end: {line['code']}"
    if h.left is None:
        yield "nobody looked at what is left"
        return
    for what in ("processes", "cgroups"):
        if h.left[what]:
            yield f"{what} left: {h.left[what]}"
    before = [r for r in h.resources if r["when"] == "before"]
    after = [r for r in h.resources if r["when"] == "after"]
    for process in ("engine", "launcher"):
        most = max((r["fds"][process] for r in before), default=None)
        for line in after:
            if most is None or line["fds"][process] > most + line["slack"]:
                yield f"{process} of {line['worker']}: " \
                      f"{line['fds'][process]} descriptors, {most} at first"


def chains(h):
    """Faults that meet, or would before the time for recovery is over, as
    one: [first begin, last end, bound]."""
    found = []
    for fault in sorted((f for f in h.faults.values() if f.bound),
                        key=lambda f: f.begin):
        if found and fault.begin <= found[-1][1] + found[-1][2]:
            found[-1][1] = max(found[-1][1], fault.end)
            found[-1][2] = max(found[-1][2], fault.bound)
        else:
            found.append([fault.begin, fault.end, fault.bound])
    return found


def recoveries(h):
    """[(seconds, bound, begin)]: from the end of a chain of faults until all
    that had been accepted by then is finished."""
    done = sorted((min(job.acks), job.visible()["t"])
                  for job in h.jobs.values() if job.acks and job.results)
    latest = []
    for _, t in done:
        latest.append(max(t, latest[-1]) if latest else t)
    found = []
    for begin, end, bound in chains(h):
        i = bisect_right(done, (end, FOREVER))
        took = latest[i - 1] - end if i else 0
        found.append((max(took, 0), bound, begin))
    return found


def check_recovery(h):
    for took, bound, begin in recoveries(h):
        if took > bound:
            yield f"after the fault of {begin:.3f}: {took:.1f} s until all " \
                  f"was finished, at most {bound} s"
    stall, since = longest_stall(h)
    most = h.run.get("stall")
    if most is not None and stall > most:
        yield f"no result for {stall:.1f} s from {since:.3f} on with jobs " \
              f"waiting, at most {most} s"


def longest_wait(h):
    """Seconds between a job's acknowledgement and its result, at most."""
    return max((job.visible()["t"] - min(job.acks)
                for job in h.jobs.values() if job.acks and job.results),
               default=0)


def longest_stall(h):
    """(seconds, since when): without any result although a job waited."""
    events = []
    for job in h.jobs.values():
        if job.acks:
            events.append((min(job.acks), 1))
            if job.results:
                events.append((max(job.visible()["t"], min(job.acks)), -1))
    waiting = 0
    since = longest = at = 0
    for t, step in sorted(events, key=lambda e: (e[0], -e[1])):
        if waiting and t - since > longest:
            longest, at = t - since, since
        if step < 0 or waiting == 0:
            since = t
        waiting += step
    if waiting and h.last_t - since > longest:
        longest, at = h.last_t - since, since
    return longest, at


CHECKS = {
    "complete": check_complete,
    "finished": check_finished,
    "visible": check_visible,
    "watermark": check_watermark,
    "caught-up": check_caught_up,
    "executions": check_executions,
    "not-again": check_not_again,
    "leaks": check_leaks,
    "recovery": check_recovery,
}


# ---- the report ------------------------------------------------------------


def figures(h):
    jobs = [j for j in h.jobs.values() if j.acks]
    hidden = [j for j in jobs if len(j.results) > 1]
    took = [r[0] for r in recoveries(h)]
    return {
        "accepted": len(jobs),
        "records": sum(len(j.acks) for j in jobs),
        "not_acknowledged": sum(j.sends - len(j.acks)
                                for j in h.jobs.values()),
        "poison": len(h.poison),
        "results": sum(len(j.results) for j in jobs),
        "statuses": dict(Counter(j.visible()["status"] for j in jobs
                                 if j.results)),
        "hidden_duplicates": sum(len(j.results) - 1 for j in hidden),
        "hidden_of_another_status": sum(
            len({r["status"] for r in j.results}) > 1 for j in hidden),
        "starts": sum(len(j.starts) for j in jobs),
        "most_starts_of_one": max((len(j.starts) for j in jobs), default=0),
        "commits": len(h.commits),
        "commits_with_set": sum(bool(c["meta"]) for c in h.commits),
        "faults": dict(Counter(f.kind for f in h.faults.values())),
        "recovery_s": round(max(took, default=0), 1),
        "stall_s": round(longest_stall(h)[0], 1),
        "longest_wait_s": round(longest_wait(h), 1),
        "seconds": round(h.last_t - h.run.get("t", h.last_t), 1),
    }


def judge(h):
    """{check: [violation]}, those that found some only."""
    found = {}
    for name, check in CHECKS.items():
        wrong = list(check(h))
        if wrong:
            found[name] = wrong
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    history = History.read(sys.argv[1])
    found = judge(history)
    print(json.dumps(figures(history)))
    for name, wrong in found.items():
        print(f"VIOLATION {name}: {len(wrong)}")
        for words in wrong[:SHOWN]:
            print(f"  {words}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
