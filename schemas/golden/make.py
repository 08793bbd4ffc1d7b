#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the golden messages: NAME.msgpack and NAME.json beside this file.

They come from Python's msgpack, not from our C, so that a mistake in our
encoder cannot hide in them. Run it after adding a case; what changes in an
existing file breaks somebody. Needs Debian's python3-msgpack.
"""
import base64
import json
import pathlib
import sys

import msgpack

NOW = 1767225600000000000  # 2026-01-01T00:00:00Z
BINARY = b"\x00\x01\xfe\xff"
SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

LIMITS = {
    "wall_time_ms": 10000,
    "cpu_time_ms": 9000,
    "idle_time_ms": 5000,
    "memory_bytes": 268435456,
    "stack_bytes": 8388608,
    "max_processes": 32,
    "max_open_files": 128,
    "max_file_size_bytes": 1048576,
    "disk_bytes": 10485760,
    "max_inodes": 1000,
    "stdout_bytes": 65536,
    "stderr_bytes": 0,
    "artifact_bytes": 1048576,
    "max_artifacts": 10,
    "cpu_quota_millicores": 500,
    "max_network_requests": 0,
    "max_file_operations": 100000,
}

USAGE = {
    "wall_us": 120345,
    "cpu_user_us": 100000,
    "cpu_system_us": 20000,
    "memory_peak_bytes": 12582912,
    "page_faults_major": 0,
    "page_faults_minor": 1234,
    "ctx_switches_voluntary": 12,
    "ctx_switches_forced": 3,
    "io_read_bytes": 4096,
    "io_write_bytes": 8192,
    "io_read_calls": 10,
    "io_write_calls": 11,
    "network_requests": 0,
    "processes_peak": 2,
}

JOB_FULL = {
    "v": 1,
    "job_id": "0192f0c1-7b3a-7000-8000-000000000001",
    "tenant_id": "acme",
    "kind": "code",
    "language": "python",
    "language_version": "3.11",
    "files": [
        {"path": "main.py", "content": "print('größer')\n".encode(),
         "mode": 0o644},
        {"path": "data/blob.bin", "content": BINARY},
    ],
    "entrypoint": "main.py",
    "args": ["--name", "Ünïcode", ""],
    "env": {"LANG": "C.UTF-8", "EMPTY": ""},
    "stdin": b"line one\nline two\n",
    "cwd": "/workspace/data",
    "parameters": {"depth": {"a": [1, -2, 3.5, None, True]}, "raw": BINARY},
    "template": "python-data",
    "session_id": "session-1",
    "scope": "notebook",
    "ordering_key": "customer 17",
    "labels": {"team": "data", "run": "nightly"},
    "correlation_id": "req/4711",
    "parent_job_id": "0192f0c1-7b3a-7000-8000-000000000000",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "created_unix_nano": NOW,
    "not_before_unix_nano": NOW + 1,
    "expires_unix_nano": NOW + 60 * 10**9,
    "max_attempts": 5,
    "retry_on": ["worker_lost", "internal_error", "setup_error"],
    "reply_to": "acme.results",
    "dry_run": True,
    "stream": True,
    "compile": {"argv": ["make", "-s"], "limits": {"wall_time_ms": 60000}},
    "fetch_files": [
        {"path": "out/report.csv", "max_bytes": 65536},
        {"path": "out/log.txt", "optional": True},
    ],
    "expected_output": b"42\n",
    "security_level": "isolated",
    "validation": "strict",
    "network": {
        "mode": "allowlist",
        "allow": ["pypi.example:443", "10.0.0.0/8"],
        "deny": ["10.1.0.0/16"],
    },
    "secrets": ["db.password"],
    "limits": LIMITS,
}

RESULT_FULL = {
    "v": 1,
    "job_id": "0192f0c1-7b3a-7000-8000-000000000001",
    "attempt": 2,
    "tenant_id": "acme",
    "session_id": "session-1",
    "kind": "code",
    "state": "finished",
    "status": "memory_limit_exceeded",
    "success": False,
    "status_reason": "used 268435456 bytes, the limit",
    "verdict": "wrong_answer",
    "exit_code": -1,
    "signal": {"number": 9, "name": "SIGKILL"},
    "termination": {
        "by": "kernel_oom",
        "limit": "memory",
        "limit_value": 268435456,
        "measured_value": 268435456,
        "syscall": "ptrace",
    },
    "error": {
        "type": "MemoryError",
        "message": "out of memory",
        "traceback": "main.py:1",
        "phase": "run",
    },
    "stdout": b"partial",
    "stderr": BINARY,
    "stdout_bytes_total": 7,
    "stderr_bytes_total": 2**40,
    "stdout_truncated": False,
    "stderr_truncated": True,
    "return_value": {"answer": 42, "list": [None, 1.5]},
    "results": [
        {
            "data": {"text/plain": "42", "image/png": BINARY},
            "metadata": {"width": 1},
        }
    ],
    "artifacts": [
        {
            "name": "plot",
            "path": "out/plot.png",
            "type": "image/png",
            "size_bytes": 4,
            "sha256": SHA,
            "content": BINARY,
            "data": {"text/plain": "a plot"},
            "metadata": {"dpi": 96},
        }
    ],
    "files": [
        {
            "path": "out/report.csv",
            "content": b"a,b\n",
            "mode": 0o600,
            "size_bytes": 10,
            "sha256": SHA,
            "truncated": True,
        },
        {"path": "out/log.txt", "missing": True},
    ],
    "compile": {
        "success": True,
        "cached": True,
        "exit_code": 0,
        "stdout": b"cc main.c\n",
        "stderr": b"",
        "duration_us": 120000,
    },
    "usage": USAGE,
    "timings": {
        "created_unix_nano": NOW,
        "received_unix_nano": NOW + 1000,
        "started_unix_nano": NOW + 2000,
        "finished_unix_nano": NOW + 3000,
        "queue_ms": 1,
        "setup_us": 1,
        "run_us": 1,
        "cleanup_us": 1,
        "cold_start": True,
    },
    "telemetry_before": {"system.cpu.load": 0.5},
    "telemetry_after": {"system.cpu.load": 0.75},
    "process_before": {"threads": 1},
    "process_after": {"threads": 2},
    "isolation": {
        "user_ns": True,
        "pid_ns": True,
        "mount_ns": True,
        "net_ns": True,
        "ipc_ns": True,
        "uts_ns": True,
        "cgroup_ns": False,
        "cgroup": "v2",
        "seccomp": "default",
        "landlock": 3,
        "no_new_privs": True,
        "capabilities": [],
        "root_read_only": True,
        "uid": 1900000003,
        "security_level": "sandboxed",
    },
    "limits": LIMITS,
    "worker": {"id": "w-1", "host": "node7", "pid": 4711, "version": "0.1"},
    "source": {"topic": "forkyard.jobs.default", "partition": 3, "offset": 99},
    "wal_seq": 17,
    "code_sha256": SHA,
    "template": {"name": "python-data", "digest": "sha256:" + SHA},
    "labels": {"team": "data"},
    "correlation_id": "req/4711",
    "warnings": ["cpu_quota_millicores: no writable cpu cgroup here"],
}

HOST = {
    "sampled_unix_nano": NOW,
    "cpu_count": 8,
    "cpu_percent": 83.5,
    "cpu_others_percent": 2.25,
    "load_1m": 6.53,
    "load_5m": 4.0,
    "load_15m": 0.07,
    "memory_total_bytes": 16 * 2**30,
    "memory_used_bytes": 5 * 2**30 + 1,
    "swap_used_bytes": 0,
    "disk_total_bytes": 2**40,
    "disk_used_bytes": 2**39,
    "pressure_cpu_percent": 41.17,
    "pressure_memory_percent": 0.0,
    "pressure_io_percent": 0.16,
    "processes": 312,
    "zombies": 1,
    "jobs_running": 7,
}

PROCESSES = {
    "sampled_unix_nano": NOW,
    "engine": {"pid": 4711, "memory_rss_bytes": 21 * 2**20,
               "cpu_us": 1250000, "threads": 14, "open_files": 87},
    "launcher": {"pid": 4712, "memory_rss_bytes": 2**20, "cpu_us": 340000,
                 "threads": 1},
}

# A key that is not ours is kept, as the names of result-full are.
RESULT_SNAPSHOTS = {
    "v": 1,
    "job_id": "job-1",
    "state": "finished",
    "status": "success",
    "success": True,
    "stdout_truncated": False,
    "stderr_truncated": False,
    "telemetry_before": HOST,
    "telemetry_after": {**HOST, "cpu_percent": 97.25, "guard_tripped": True,
                        "forkyard.later": [1]},
    "process_before": PROCESSES,
    "process_after": {**PROCESSES, "box": {"pid": 5000, "processes_peak": 3}},
}

EVENT_FULL = {
    "v": 1,
    "event_id": "w-1:17",
    "seq": 17,
    "timestamp_unix_nano": NOW,
    "type": "job.finished",
    "severity": "warn",
    "worker_id": "w-1",
    "tenant_id": "acme",
    "job_id": "job-1",
    "attempt": 1,
    "session_id": "session-1",
    "attributes": {"process.exit.code": 3, "forkyard.status": "nonzero_exit"},
}

AUDIT_FULL = {
    "v": 1,
    "seq": 3,
    "timestamp_unix_nano": NOW,
    "event_type": "finished",
    "worker_id": "w-1",
    "job_id": "job-1",
    "attempt": 1,
    "code_sha256": SHA,
    "args_sha256": SHA,
    "checks": [
        {"name": "policy", "passed": True},
        {"name": "isolation", "passed": False, "detail": "no cgroup"},
    ],
    "usage": USAGE,
    "prev_hash": SHA,
}

GOLDEN = {
    "job-minimal": {
        "job_id": "job-1", "language": "python", "code": b"print(1)\n",
    },
    "job-text": {  # a producer that knows no bin type
        "v": 1, "job_id": "job-2", "language": "shell", "code": "echo hi",
        "stdin": "",
    },
    "job-manifest": {
        "job_id": "job-3", "manifest": "word-count@1.2", "kind": "tool",
        "parameters": {"text": "to be or not to be"},
    },
    "job-full": JOB_FULL,
    "result-minimal": {
        "v": 1, "job_id": "job-1", "state": "finished", "status": "success",
        "success": True, "exit_code": 0, "stdout_truncated": False,
        "stderr_truncated": False,
    },
    "result-nil": {
        "v": 1, "job_id": "job-1", "attempt": 1, "state": "finished",
        "status": "success", "success": True, "stdout": b"",
        "stdout_truncated": False, "stderr_truncated": False,
        "return_value": None,
    },
    "result-full": RESULT_FULL,
    "result-snapshots": RESULT_SNAPSHOTS,
    "chunk-minimal": {
        "v": 1, "job_id": "job-1", "seq": 0, "stream": "stdout",
    },
    "chunk-full": {
        "v": 1, "job_id": "job-1", "attempt": 1, "seq": 7, "stream": "stderr",
        "data": BINARY, "offset": 2**33, "timestamp_unix_nano": NOW,
        "last": True,
    },
    "event-minimal": {
        "v": 1, "event_id": "w-1:0", "timestamp_unix_nano": NOW,
        "type": "worker.started",
    },
    "event-full": EVENT_FULL,
    "audit-minimal": {
        "v": 1, "seq": 0, "timestamp_unix_nano": NOW,
        "event_type": "received", "job_id": "job-1",
    },
    "audit-full": AUDIT_FULL,
    "cancel-minimal": {
        "v": 1, "cancel_id": "c-1", "target": {"job_id": "job-1"},
        "mode": "kill",
    },
    "cancel-full": {
        "v": 1, "cancel_id": "c-2",
        "target": {"tenant_id": "acme", "labels": {"run": "nightly"}},
        "reason": "superseded", "mode": "graceful", "grace_ms": 5000,
        "outcome": "cancelled_running",
    },
    "cancel-session": {
        "v": 1, "cancel_id": "c-3", "target": {"session_id": "session-1"},
        "mode": "graceful",
    },
}


def to_json(value):
    """The form for people: see the $defs/bytes of the schemas."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" not in text:
            return text
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value


def main():
    where = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                         else pathlib.Path(__file__).parent)
    for name, message in GOLDEN.items():
        packed = msgpack.packb(message, use_bin_type=True)
        (where / f"{name}.msgpack").write_bytes(packed)
        text = json.dumps(to_json(message), indent=2, ensure_ascii=False)
        (where / f"{name}.json").write_text(text + "\n")


main()
