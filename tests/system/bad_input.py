#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whatever is put on a jobs topic ends in a clear status or a dead letter, and
the good job right behind it, in the same partition, is not affected.
kafka: classic consumer
timeout: 150
"""

import json
import random
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import msgpack  # noqa: E402
from fleet import Fleet, Tap, conforms, same, schema  # noqa: E402

JOB_MAX_BYTES = 3 << 20
HEADERS = [("content-type", "application/vnd.msgpack"), ("tenant_id", "acme"),
           ("traceparent", "00-%032x-%016x-01" % (1, 2)), ("mine", "kept")]
pack = msgpack.packb


def good(job_id):
    return {"job_id": job_id, "language": "shell", "code": "echo well"}


def nested(levels, kind):
    inner = b"\xc0"
    return {"list": b"\x91", "map": b"\x81\xa1k"}[kind] * levels + inner


def with_raw(job, key, raw):
    """The job's bytes with one more pair, whose value is given as bytes."""
    return bytes([0x80 + len(job) + 1]) + b"".join(
        pack(k) + pack(v) for k, v in job.items()) + pack(key) + raw


# ---- what is no job: dead letters -----------------------------------------


def dead_cases():
    one = good("dead")
    noise = random.Random(7)
    yield "an empty value", b"", "undecodable"
    yield "no value at all (a tombstone)", None, "undecodable"
    yield "random bytes", b"\xc1" + noise.randbytes(999), "undecodable"
    yield "random text", b"{\"job_id\": \"json\"}", "undecodable"
    yield "a job cut short", pack(one)[:-3], "undecodable"
    yield "one byte of a job", pack(one)[:1], "undecodable"
    yield "two jobs in one record", pack(one) * 2, "undecodable"
    yield "lists 10 000 deep", nested(10000, "list"), "undecodable"
    yield "maps 10 000 deep", nested(10000, "map"), "undecodable"
    yield "a job with lists 10 000 deep", with_raw(
        one, "parameters", nested(10000, "list")), "undecodable"
    yield "a map of 2^31 entries announced", b"\xdf" + struct.pack(
        ">I", 1 << 31), "undecodable"
    yield "a list of 2^32-1 announced", b"\xdd\xff\xff\xff\xff", "undecodable"
    yield "args of 2^31 announced", with_raw(
        one, "args", b"\xdd\x80\0\0\0"), "undecodable"
    yield "a text of 4 GiB announced", with_raw(
        one, "stdin", b"\xdb\xff\xff\xff\xffx"), "undecodable"
    yield "a number", pack(42), "undecodable"
    yield "a list", pack([one]), "undecodable"
    yield "nil", pack(None), "undecodable"
    yield "over job.max_bytes", pack(
        {**one, "stdin": b"x" * JOB_MAX_BYTES}), "oversized"
    for v in (0, 2, -1, 1.5, "1", [1], 1 << 63):
        yield f"v of {v!r}", pack({**one, "v": v}), "unknown_version"
    no_id = {"language": "shell", "code": "true"}
    yield "no job_id", pack(no_id), "no_id"
    for wrong in ("", "a b", "x" * 129, "a/b", "\0", "é", 7, None, ["a"]):
        yield f"job_id of {wrong!r:.20}", pack(
            {**no_id, "job_id": wrong}), "no_id"


def is_buried(fleet, number, value, reason):
    """The original bytes, key and headers, and why."""
    key = f"key-{number}"
    tail = fleet.tail("dead")
    record = tail.wait(
        lambda all_: next((r for r in all_ if r.key == key.encode()), None),
        what=f"dead letter of {key}")
    assert record.value == value, f"bytes changed: {record.value!r:.200}"
    for name, text in HEADERS:
        same(record.headers.get(name), text, f"original header {name}")
    dlq = {k.removeprefix("forkyard.dlq."): v
           for k, v in record.headers.items() if k.startswith("forkyard.dlq")}
    same(dlq.get("exception.class.name"), reason, "reason")
    same(dlq.get("topic"), fleet.topic("jobs.default"), "topic")
    assert dlq.get("exception.message"), "no words"
    assert dlq.get("partition", "").isdigit(), dlq
    assert dlq.get("offset", "").isdigit(), dlq
    assert dlq.get("worker.id") in fleet.workers, dlq
    well_behind(fleet, f"behind-{number}")


def well_behind(fleet, job_id):
    got = fleet.result(job_id)
    same((got["status"], got.get("stdout")), ("success", b"well\n"),
         "the good job behind it")


def dead_letters(tap, fleet):
    cases = list(dead_cases())
    for number, (_, value, _) in enumerate(cases):
        key = f"key-{number}"
        fleet.produce(value or b"", key, HEADERS, null=value is None)
        fleet.produce(pack(good(f"behind-{number}")), key)
    for number, (name, value, reason) in enumerate(cases):
        tap.case(f"{name}: dead letter, {reason}", is_buried, fleet, number,
                 value, reason)


def many_headers(fleet):
    """More headers than any table of ours has room for: all are kept."""
    headers = [(f"h-{n}", f"value {n}") for n in range(60)]
    fleet.produce(b"junk", "many-headers", headers)
    record = fleet.tail("dead").wait(
        lambda all_: next((r for r in all_ if r.key == b"many-headers"), None),
        what="dead letter with many headers")
    for name, text in headers:
        same(record.headers.get(name), text, name)
    assert record.headers.get("forkyard.dlq.worker.id") in fleet.workers


def attempt_is_read(fleet):
    fleet.produce(pack(good("attempt-12")), "attempt-12", [("attempt", "12")])
    same(fleet.result("attempt-12")["attempt"], 12, "attempt of the header")
    fleet.produce(pack(good("attempt-x")), "attempt-x", [("attempt", "1x")])
    same(fleet.result("attempt-x")["attempt"], 1, "a bad one counts as none")


# ---- jobs that are wrong in one field -------------------------------------

FILES = {"files": [{"path": "main.sh", "content": "echo well"}]}
BY_FILE = {"language": "shell", "entrypoint": "main.sh", **FILES}
BY_CODE = {"language": "shell", "code": "echo well"}


def file_cases():
    bad_paths = {"a NUL": "a\0b", "../": "../a", "inner ../": "a/../../b",
                 "an absolute path": "/etc/passwd", "nothing": "",
                 "a directory": "a/", "5000 bytes": "x/" * 2500 + "x"}
    for what, path in bad_paths.items():
        yield (f"files with {what}", {**BY_CODE, "files": [
            {"path": "ok", "content": ""}, {"path": path, "content": ""}]},
            ["files[1].path"])
        yield (f"entrypoint with {what}", {**BY_FILE, "entrypoint": path},
               ["entrypoint"])
        yield (f"fetch_files with {what}",
               {**BY_CODE, "fetch_files": [{"path": path}]},
               ["fetch_files[0].path"])
    for what, path in (("a NUL", "a\0b"), ("../", "../etc"),
                       ("/etc", "/etc"), ("/tmp/../etc", "/tmp/../etc")):
        yield f"cwd with {what}", {**BY_CODE, "cwd": path}, ["cwd"]
    yield ("one path twice", {**BY_CODE, "files": [
        {"path": "a", "content": ""}] * 2}, ["files", "twice"])
    yield ("an entrypoint that is not there",
           {**BY_FILE, "entrypoint": "other.sh"}, ["entrypoint", "other.sh"])


def limit_cases():
    def limits(**kwargs):
        return {**BY_CODE, "limits": kwargs}

    for name, low in sorted(LIMITS.items()):
        field = f"limits.{name}"
        yield f"{field} negative", limits(**{name: -1}), [field]
        yield f"{field} NaN", limits(**{name: float("nan")}), [field]
        yield f"{field} infinite", limits(**{name: float("inf")}), [field]
        if low.get("minimum"):
            yield f"{field} of 0", limits(**{name: 0}), [field, "minimum"]
    yield ("limits.memory_bytes over the maximum",
           limits(memory_bytes=9000000000000),
           ["limits.memory_bytes", "9000000000000", "4294967296"])
    yield ("limits.wall_time_ms over the maximum",
           limits(wall_time_ms=1e9),
           ["limits.wall_time_ms", "1000000000", "3600000"])
    yield ("a negative limit of 64 bits",
           limits(memory_bytes=-(1 << 63)), ["limits.memory_bytes"])
    yield ("compile.limits negative", {**BY_CODE, "compile": {
        "argv": ["true"], "limits": {"cpu_time_ms": -1}}},
        ["compile.limits.cpu_time_ms"])


def other_cases():
    yield ("2 MB of code", {**BY_CODE, "code": "#" * 2000000},
           ["code", "2000000", "1048576"])
    yield ("more fetch_files than a worker brings back",
           {**BY_CODE, "fetch_files": [{"path": "a"}] * 101},
           ["fetch_files", "101", "100"])
    yield "100 000 args", {**BY_CODE, "args": ["a"] * 100000}, ["args"]
    yield ("arguments over 1 MiB", {**BY_CODE, "args": ["a" * 100000] * 12},
           ["args", "1048576"])
    yield ("one argument over what exec takes",
           {**BY_CODE, "args": ["a" * 140000]}, ["args[0]"])
    yield "an argument with NUL", {**BY_CODE, "args": ["a", "b\0c"]}, [
        "args[1]"]
    yield "env with '='", {**BY_CODE, "env": {"A=B": "c"}}, ["env", "A=B"]
    yield "env without a name", {**BY_CODE, "env": {"": "c"}}, ["env"]
    yield "env with NUL", {**BY_CODE, "env": {"A": "b\0c"}}, ["env"]
    yield "neither code nor files", {"language": "shell"}, ["code"]
    yield "code without language", {"code": "true"}, ["language"]
    yield "code and manifest", {**BY_CODE, "manifest": "tool"}, ["manifest"]
    yield "trusted by message", {**BY_CODE, "security_level": "trusted"}, [
        "security_level"]
    yield "max_attempts of 0", {**BY_CODE, "max_attempts": 0}, [
        "max_attempts"]


def field_names(properties, prefix=""):
    """Every property of the schema: (dotted name, its schema)."""
    for name, what in properties.items():
        what = resolved(what)
        yield prefix + name, what
        inner = what if what.get("type") == "object" else resolved(
            what.get("items", {}))
        if inner.get("type") == "object" and "properties" in inner:
            index = "[0]" if what["type"] == "array" else ""
            yield from field_names(inner["properties"],
                                   f"{prefix}{name}{index}.")


JOB_SCHEMA = schema("job")
LIMITS = JOB_SCHEMA["$defs"]["limits"]["properties"]


def resolved(what):
    if "$ref" in what:
        return JOB_SCHEMA["$defs"][what["$ref"].rsplit("/", 1)[1]]
    return what


# Of every type that is not the wanted one. Never nil: that is "absent".
WRONG = {
    "string": [42, True, 1.5, [], {}],
    "integer": ["12", True, 1.5, [], {}],
    "boolean": ["yes", 1, [], {}],
    "array": ["a", 3, {"a": 1}],
    "object": ["a", 3, ["a"]],
    "bytes": [42, True, 1.5, ["a"]],
    "enum": ["nonsense", 42, ["a"]],
}


def type_of(what):
    if "enum" in what:
        return "enum"
    return "bytes" if "anyOf" in what else what["type"]


def placed(name, value):
    """A job that is right but for this field."""
    head, _, tail = name.partition(".")
    if not tail:
        if name == "manifest":
            return {"manifest": value}
        base = BY_FILE if name in ("files", "entrypoint") else BY_CODE
        return {**base, name: value}
    filled = {"compile": {"argv": ["true"]}, "files[0]": {
        "path": "main.sh", "content": ""}, "fetch_files[0]": {"path": "a"}}
    inner = dict(filled.get(head, {}))
    where = inner
    while "." in tail:
        step, _, tail = tail.partition(".")
        where = where.setdefault(step, {})
    where[tail] = value
    key = head.removesuffix("[0]")
    return {**BY_CODE, key: [inner] if "[0]" in head else inner}


def type_cases():
    for name, what in field_names(JOB_SCHEMA["properties"]):
        if name in ("v", "job_id"):
            continue  # those are dead letters
        for value in WRONG[type_of(what)]:
            yield f"{name} of {json.dumps(value)}", placed(name, value), [name]
    for name in ("args", "secrets", "retry_on", "network.allow"):
        yield (f"{name} of a number inside", placed(name, ["a", 7])
               if name != "retry_on" else placed(name, ["worker_lost", 7]),
               [f"{name}[1]"])
    for name in ("env", "labels"):
        yield f"{name} of a list inside", placed(name, {"a": []}), [name]


def is_refused(fleet, job_id, words, status="validation_error"):
    result = fleet.result(job_id)
    conforms("result", result)
    reason = result.get("status_reason", "")
    same(result["status"], status, f"status ({reason})")
    for word in words:
        assert word in reason, f"no '{word}' in: {reason}"
    assert not result["success"] and "exit_code" not in result, result


def all_are_refused(fleet, cases, first):
    """One line for many: says each that is not as it should be."""
    wrong = []
    for number, (name, _, words) in enumerate(cases, first):
        try:
            is_refused(fleet, f"wrong-{number}", words)
            well_behind(fleet, f"after-{number}")
        except AssertionError as why:
            wrong.append(f"{name}: {why}")
    assert not wrong, "\n".join(wrong)


def refusals(tap, fleet):
    groups = [("paths", file_cases()), ("limits", limit_cases()),
              ("the rest", other_cases())]
    first = 0
    for group, cases in groups:
        cases = list(cases)
        submit_pairs(fleet, cases, first)
        for number, (name, _, words) in enumerate(cases, first):
            tap.case(f"{group}: {name}", lambda n, w: (
                is_refused(fleet, f"wrong-{n}", w),
                well_behind(fleet, f"after-{n}")), number, words)
        first += len(cases)
    cases = list(type_cases())
    submit_pairs(fleet, cases, first)
    tap.case(f"wrong types of every field of the schema ({len(cases)} jobs)",
             all_are_refused, fleet, cases, first)


def submit_pairs(fleet, cases, first):
    records = []
    for number, (_, job, _) in enumerate(cases, first):
        key = b"%d" % number
        records.append((key, pack({"job_id": f"wrong-{number}", **job})))
        records.append((key, pack(good(f"after-{number}"))))
    fleet.produce_many(records)


# ---- the rest --------------------------------------------------------------


def two_equal_ids(fleet):
    fleet.submit([{**good("twin"), "code": "echo first"},
                  {**good("twin"), "code": "echo second"}])
    records = fleet.result_records("twin", 2)
    for record in records:
        conforms("result", record.message)
        same(record.message["status"], "success", "status")
    same(sorted(r.message["stdout"] for r in records),
         [b"first\n", b"second\n"], "both outputs")


def unknown_language(fleet):
    fleet.submit([{"job_id": "cobol", "language": "cobol", "code": "x"}])
    is_refused(fleet, "cobol", ["language", "cobol"])
    fleet.is_well()


def key_twice(fleet):
    value = (b"\x84" + pack("job_id") + pack("twice") + pack("language") +
             pack("shell") + pack("code") + pack("echo a") + pack("code") +
             pack("echo b"))
    fleet.produce(value, "twice")
    is_refused(fleet, "twice", ["code", "twice"])
    fleet.is_well()


def id_twice(fleet):
    """The first one names whom the refusal is for."""
    value = (b"\x84" + pack("job_id") + pack("id-a") + pack("job_id") +
             pack("id-b") + pack("language") + pack("shell") + pack("code") +
             pack("echo a"))
    fleet.produce(value, "id-twice")
    is_refused(fleet, "id-a", ["job_id", "twice"])
    fleet.is_well()


def unknown_keys(fleet):
    same(fleet.run(language="shell", code="echo well", colour="red",
                   extra={"deep": [1, {"a": None}]})["status"], "success")


def nil_is_absent(fleet):
    same(fleet.run(language="shell", code="echo well", limits=None, args=None,
                   env=None, stdin=None, labels=None)["status"], "success")


def same_workers(fleet):
    same(fleet.worker_pids(), fleet.workers, "workers, by pid")
    assert "unexpectedly" not in fleet.words(), fleet.words()


def audit_is_by_schema(fleet):
    for record in fleet.tail("audit").records:
        conforms("audit", record.message)


def main():
    tap = Tap()
    with Fleet(settings={"job.max_bytes": JOB_MAX_BYTES}) as fleet:
        fleet.tail("audit")
        dead_letters(tap, fleet)
        tap.case("a dead letter keeps all its headers", many_headers, fleet)
        tap.case("the attempt header is read", attempt_is_read, fleet)
        refusals(tap, fleet)
        tap.case("two equal ids: a result each", two_equal_ids, fleet)
        tap.case("an unknown language", unknown_language, fleet)
        tap.case("a key twice", key_twice, fleet)
        tap.case("job_id twice", id_twice, fleet)
        tap.case("unknown keys are ignored", unknown_keys, fleet)
        tap.case("nil is absent", nil_is_absent, fleet)
        tap.case("all audit records are by their schema", audit_is_by_schema,
                 fleet)
        tap.case("the workers are the same as at first", same_workers, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
