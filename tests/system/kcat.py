#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A job put on its topic by kcat, its result read by kcat: the bytes made and
read by an independent msgpack, judged by an independent JSON Schema.
timeout: 60
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import msgpack  # noqa: E402
from fleet import Fleet, Tap, conforms, read_all, same  # noqa: E402

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def one_job(fleet):
    job = {
        "v": 1,
        "job_id": "kcat-1",
        "tenant_id": "acme",
        "language": "python",
        "code": "import sys\n"
                "print(6 * 7, sys.argv[1], sys.stdin.read())\n"
                "sys.stderr.buffer.write(bytes([0, 255]))",
        "args": ["word"],
        "stdin": b"text",
        "labels": {"team": "blue"},
        "correlation_id": "mine",
    }
    conforms("job", job)
    fleet.produce(msgpack.packb(job), key="kcat-1", headers=[
        ("content-type", "application/vnd.msgpack"),
        ("forkyard-schema", "job/1"), ("traceparent", TRACE),
        ("tenant_id", "acme"), ("job_id", "kcat-1"), ("attempt", "1"),
    ])
    fleet.result("kcat-1")
    (record,) = read_all(fleet.kafka, "forkyard.results")
    return record


def the_result(result):
    same(result["status"], "success", "status")
    same(result["exit_code"], 0, "exit code")
    same(result["stdout"], b"42 word text\n", "stdout")
    same(result["stderr"], b"\0\xff", "stderr")
    same(result["labels"], {"team": "blue"}, "labels")
    same(result["correlation_id"], "mine", "correlation_id")
    same(result["tenant_id"], "acme", "tenant_id")
    same(result["source"]["topic"], "forkyard.jobs.default", "topic")


def the_headers(headers):
    same(headers.get("content-type"), "application/vnd.msgpack")
    same(headers.get("forkyard-schema"), "result/1")
    same(headers.get("job_id"), "kcat-1")
    same(headers.get("tenant_id"), "acme")
    same(headers.get("attempt"), "1")
    same(headers.get("traceparent"), TRACE, "traceparent, copied on")


def without_headers(fleet):
    fleet.produce(msgpack.packb({
        "job_id": "kcat-2", "language": "shell", "code": b"exit 3"}))
    result = fleet.result("kcat-2")
    conforms("result", result)
    same((result["status"], result["exit_code"]), ("nonzero_exit", 3))


def every_queue(fleet):
    for queue in ("high", "default", "low"):
        fleet.submit([{"job_id": f"kcat-{queue}", "language": "shell",
                       "code": "true"}], f"jobs.{queue}")
    for queue in ("high", "default", "low"):
        same(fleet.result(f"kcat-{queue}")["source"]["topic"],
             f"forkyard.jobs.{queue}")


def main():
    tap = Tap()
    with Fleet() as fleet:
        record = one_job(fleet)
        tap.case("the result is by its schema", conforms, "result",
                 record.message)
        tap.case("... says what the program did", the_result, record.message)
        tap.case("... with headers", the_headers, record.headers)
        tap.case("... keyed by job_id", same, record.key, b"kcat-1", "key")
        tap.case("no key, no headers: the body decides", without_headers,
                 fleet)
        tap.case("jobs of every queue run", every_queue, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
