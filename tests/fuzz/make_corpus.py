#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the first corpus of every message fuzzer, below corpus/.

Golden messages and the nasty bytes decoders are known to trip over. Inputs
that a fuzzer found are kept beside them, by hand. Needs python3-msgpack.
"""
import json
import pathlib

import msgpack

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "schemas" / "golden"
MESSAGES = ["job", "result", "chunk", "event", "audit", "cancel"]

NASTY = {
    "empty": b"",
    "unused-head": b"\xc1",
    "map-of-2-31": b"\xdf\x80\x00\x00\x00",
    "list-of-2-32": b"\xdd\xff\xff\xff\xff",
    "text-of-2-32": b"\xdb\xff\xff\xff\xff",
    "ext-of-2-32": b"\xc9\xff\xff\xff\xff\x01",
    "levels-that-add-up": b"\xdc\x00\x60" * 20 + b"\x00" * 100,
    "deep-32": b"\x91" * 32 + b"\xc0",
    "deep-33": b"\x91" * 33 + b"\xc0",
    "deep-maps": b"\x81\xa1a" * 33 + b"\xc0",
    "two-values": b"\x80\x80",
    "number": b"\x01",
}


def odd_messages():
    """Maps with our keys and values that are not what they should be."""
    pack = msgpack.packb
    head = {"v": 1, "job_id": "j", "cancel_id": "c", "seq": 0}
    yield "nan", pack({**head, "limits": {"wall_time_ms": float("nan")}})
    yield "infinite", pack({**head, "seq": float("inf")})
    yield "negative", pack({**head, "limits": {"memory_bytes": -1}})
    yield "whole-float", pack({**head, "limits": {"memory_bytes": 1e8}})
    yield "huge-float", pack({**head, "attempt": 1e300})
    yield "largest", pack({**head, "attempt": 2**64 - 1})
    yield "smallest", pack({**head, "exit_code": -(2**63)})
    yield "nul", pack({**head, "files": [{"path": "a\0b", "content": b""}]})
    yield "dots", pack({**head, "files": [{"path": "../a", "content": b""}]})
    yield "absolute", pack({**head, "entrypoint": "/etc/passwd"})
    yield "env", pack({**head, "env": {"A=B": "c"}})
    yield "trusted", pack({**head, "security_level": "trusted"})
    yield "not-utf8", pack({**head, "labels": {"a": b"x"}}).replace(
        b"\xc4\x01x", b"\xa1\xff")
    yield "twice", b"\x82" + pack("job_id") + pack("a") + pack(
        "job_id") + pack("b")
    yield "key-no-text", pack({1: 2, None: 3, **head})
    yield "ext", pack({**head, "parameters": msgpack.ExtType(5, b"zz")})
    yield "time", pack({**head, "attributes": {
        "t": msgpack.Timestamp(1)}})
    yield "raw-deep", pack({**head, "parameters": nested(30),
                            "return_value": nested(30)})
    yield "version-2", pack({**head, "v": 2})


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def finished_sets():
    """Texts of commit metadata, and the bytes within: the fuzzer seals them."""
    head = b"\x01\x64\x06\x02"
    yield "runs", head + b"\x01\x27"
    yield "runs-many", head + b"\x01\x01" * 300
    yield "runs-long", head + b"\x80\x80\x04\x80\x80\x04" * 3
    yield "runs-first-0", b"\x01\x07\x00\x00\x00\x17"
    yield "runs-empty", head + b"\x01\x00"
    yield "runs-touch", head + b"\x05\x05\x00\x05"
    yield "runs-huge", head + b"\x01" + b"\xff" * 9 + b"\x01"
    yield "runs-half", head + b"\x05\x05\x05"
    yield "bitmap", b"\x02\x0a\x00\x00\xaa\xaa"
    yield "bitmap-empty", b"\x02\x0a\x00\x00\x00"
    yield "bitmap-long", b"\x02\x0a\x00\x00" + b"\x55" * 3045
    yield "bitmap-too-long", b"\x02\x0a\x00\x00" + b"\x55" * 3900
    yield "kind-3", b"\x03\x64\x06\x02\x01\x27"
    yield "low-63-bits", b"\x01" + b"\xff" * 8 + b"\x7f\x00\x00\x01\x01"
    yield "epoch-32-bits", b"\x01\x64\xff\xff\xff\xff\x0f\x00\x01\x01"
    yield "text", b"fy1.AWQAAAEnqj0noQ=="
    yield "text-epochs", b"fy1.AWQGAgEnjNKsEw=="
    yield "text-newer", b"fy2.AWQGAgEnjNKsEw=="
    yield "text-cut", b"fy1.AWQGAgEnjNKs"
    yield "text-other", b"committed by a console tool"
    yield "text-empty", b"fy1."


def write(folder, name, data):
    path = HERE / "corpus" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)


def main():
    nasty = {**NASTY, **dict(odd_messages())}
    for folder in MESSAGES + ["mpk", "mpk_json"]:
        for name, data in nasty.items():
            write(folder, name, data)
    for golden in sorted(GOLDEN.glob("*.msgpack")):
        data = golden.read_bytes()
        write(golden.name.split("-")[0], golden.stem, data)
        if golden.stem.endswith("-full"):
            write("mpk", golden.stem, data)
            write("mpk_json", golden.stem, data)
            write("mpk_json", golden.stem + ".json",
                  golden.with_suffix(".json").read_bytes())
            write(golden.stem[:-5], "cut-short", data[: len(data) // 2])
    for name, data in finished_sets():
        write("offsets_set", name, data)
    write("mpk_json", "base64.json",
          json.dumps([{"base64": "AA=="}, {"base64": "!"}]).encode())


main()
