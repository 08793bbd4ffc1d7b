# SPDX-License-Identifier: MIT
"""jobs.py - the jobs of the demo, and whether they ended as they should.

A job is a folder with a job.json: {about, job, expect}. `job` is the message
as it is sent, but for two short ways of saying content:

    "@main.py"          the text of that file of the folder
    {"cc": "main.c"}    what the C compiler makes of that file

`expect` holds what must be true of the result: status (or a list of them),
stdout, stderr_has, compiler_has, reason_has, exit_code, signal, limit,
artifacts (names). Under `without_cgroup` is what holds instead where no cgroup is at hand.

Part of the demo. Never runs a job."""
import base64
import json
import os
import shlex
import subprocess

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jobs")

# How each expectation is found in a result.
CHECKS = {
    "status": lambda r, want: r["status"] in
    (want if isinstance(want, list) else [want]),
    "stdout": lambda r, want: r.get("stdout") == want,
    "stderr_has": lambda r, want: want in str(r.get("stderr")),
    "compiler_has": lambda r, want: want in str(
        r.get("compile", {}).get("stderr")),
    "artifacts": lambda r, want: [a["name"] for a in
                                  r.get("artifacts", [])] == want,
    "reason_has": lambda r, want: want in r.get("status_reason", ""),
    "exit_code": lambda r, want: r.get("exit_code") == want,
    "signal": lambda r, want: r.get("signal", {}).get("number") == want,
    "limit": lambda r, want: r.get("termination", {}).get("limit") == want,
}
SHOWN = {"compiler_has": "compile", "artifacts": "artifacts",
         "stdout": "stdout", "stderr_has": "stderr",
         "reason_has": "status_reason", "exit_code": "exit_code",
         "signal": "signal", "limit": "termination", "status": "status"}


class Mistake(Exception):
    """In a job.json, or in compiling."""


def binary(content):
    return {"base64": base64.b64encode(content).decode()}


class Job:
    def __init__(self, folder, languages):
        self.folder = folder
        self.name = os.path.basename(folder)
        with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
            spec = json.load(file)
        self.about = spec["about"]
        self.message = {"job_id": self.name, **self._filled(spec["job"])}
        self.expect = self._filled(spec["expect"])
        self.without_cgroup = self.expect.pop("without_cgroup", self.expect)
        unknown = ({**self.expect, **self.without_cgroup}).keys() - CHECKS
        if unknown:
            raise Mistake(f"{self.name}: expects unknown {sorted(unknown)}")
        # A language with a version is a runtime of its own.
        runtime = " ".join(self.message[key]
                           for key in ("language", "language_version")
                           if key in self.message)
        if not languages.get(runtime, True):
            self.expect = self.without_cgroup = {"status": "setup_error"}

    @property
    def language(self):
        return self.message.get("language_version", self.message["language"])

    def _filled(self, value):
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, str) and value.startswith("@"):
            path = os.path.join(self.folder, value[1:])
            with open(path, encoding="utf-8", newline="") as file:
                return file.read()
        return value

    def source(self):
        """The C file that is this job's code, or None."""
        code = self.message.get("code")
        if isinstance(code, dict) and "cc" in code:
            return os.path.join(self.folder, code["cc"])
        return None

    def judge(self, result):
        """What is not as expected, as (name, expected, got)."""
        cgroup = result.get("isolation", {}).get("cgroup")
        expect = self.without_cgroup if cgroup == "none" else self.expect
        return [(name, want, result.get(SHOWN[name]))
                for name, want in expect.items()
                if not CHECKS[name](result, want)]


def load(languages):
    """All jobs. Those that fail are spread among the others, so that the
    table shows both from the first row."""
    folders = {}
    for kind in ("succeed", "fail"):
        parent = os.path.join(FOLDER, kind)
        names = sorted(os.listdir(parent))
        for i, name in enumerate(names):
            folders[os.path.join(parent, name)] = (i + 0.5) / len(names)
    try:
        return [Job(folder, languages)
                for folder in sorted(folders, key=folders.get)]
    except (OSError, ValueError, KeyError) as error:
        raise Mistake(f"a job.json: {error!r}") from None


def compile_all(the_jobs, folder):
    """Turns C sources into programs, all compilers at the same time."""
    running = []
    for job in the_jobs:
        if not job.source():
            continue
        out = os.path.join(folder, job.name)
        command = shlex.split(os.environ.get("CC") or "cc")
        command += ["-O1", "-s", "-o", out, job.source()]
        try:
            running.append((job, out, subprocess.Popen(command)))
        except OSError as error:
            raise Mistake(f"{command[0]}: {error.strerror}") from None
    failed = [job.name for job, _, cc in running if cc.wait() != 0]
    if failed:
        raise Mistake(f"did not compile: {', '.join(failed)}")
    for job, out, _ in running:
        with open(out, "rb") as file:
            job.message["code"] = binary(file.read())
        os.unlink(out)
