#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The compile stage through a whole fleet: every language that is compiled,
commands of a job's own, limits, and what goes on to the run.
timeout: 600
"""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import FORKYARD, Fleet, Tap, conforms, same  # noqa: E402

# A Go without a compiled library of its own builds it first; other tests of
# this machine may want the processor too.
DEADLINE_S = 240


def run(fleet, job_id, **job):
    fleet.submit([{"job_id": job_id, **job}])
    result = fleet.result(job_id, DEADLINE_S)
    conforms("result", result)
    return result


def succeeds(fleet, job_id, **job):
    result = run(fleet, job_id, **job)
    words = result.get("compile", {}).get("stderr"), result.get("stderr")
    same(result["status"], "success", f"{result.get('status_reason')} {words}")
    return result


# ---- languages -------------------------------------------------------------

# What each prints: its arguments and its stdin. And a program it refuses.
LANGUAGES = {
    "c": (r"""
#include <math.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    char line[80] = "";
    if (!fgets(line, sizeof(line), stdin)) return 2;
    printf("%s %s%.0f\n", argv[argc - 1], line, sqrt(16));
    return 0;
}
""", "int main(void) { return nothing; }", "nothing"),
    "cpp": (r"""
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>
int main(int argc, char **argv)
{
    std::string line;
    std::getline(std::cin, line);
    std::vector<int> v{4, 2};
    std::sort(v.begin(), v.end());
    std::cout << argv[argc - 1] << " " << line << "\n" << v[1] << "\n";
}
""", "int main() { std::string s; }", "std"),
    "go": (r"""
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Printf("%s %s%d\n", os.Args[len(os.Args)-1], line, 4)
}
""", "package main\nfunc main() { nothing() }\n", "nothing"),
    "rust": (r"""
use std::io;
fn main() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let last = std::env::args().last().unwrap();
    println!("{} {}{}", last, line, vec![1, 3].iter().sum::<i32>());
}
""", "fn main() { nothing(); }", "nothing"),
    "java": (r"""
import java.util.Scanner;
public class Main {
    record Pair(int a, int b) { int sum() { return a + b; } }
    public static void main(String[] args) {
        String line = new Scanner(System.in).nextLine();
        System.out.println(args[args.length - 1] + " " + line);
        System.out.println(new Pair(1, 3).sum());
    }
}
""", "public class Main { int x = nothing; }", "nothing"),
}


def compiles_and_runs(fleet, language, code):
    got = succeeds(fleet, f"{language}-good", language=language, code=code,
                   args=["a", "last one"], stdin=b"a line\n")
    same(got["stdout"], b"last one a line\n4\n", "output")
    stage = got["compile"]
    same((stage["success"], stage["exit_code"]), (True, 0), "compile")
    same(stage["duration_us"], stage["usage"]["wall_us"], "duration")
    assert stage["usage"]["cpu_user_us"] > 0, stage
    same(got.get("warnings"), None, "warnings")


def errors_are_told(fleet, language, code, word):
    got = run(fleet, f"{language}-bad", language=language, code=code)
    same((got["status"], got["success"]), ("compile_error", False), "status")
    assert word.encode() in got["compile"]["stderr"], got["compile"]
    same((got["compile"]["success"], got["compile"]["status"]),
         (False, "nonzero_exit"), "of the stage")
    assert got["compile"]["exit_code"] > 0, got["compile"]
    same(got["error"]["phase"], "compile", "phase")
    assert got["status_reason"].startswith("compile: exit code "), got
    # The program has none of these.
    same((got["stdout"], got.get("exit_code"), got.get("usage")),
         (b"", None, None), "of the program")
    assert "started_unix_nano" not in got["timings"], got["timings"]
    same(got["isolation"]["seccomp"], "compiler/1", "system calls")


def languages_here():
    said = subprocess.run([FORKYARD, "check", "--json"], check=False,
                          stdout=subprocess.PIPE).stdout
    return {row["name"]: row for row in json.loads(said)["runtimes"]}


def languages(tap, fleet):
    here = languages_here()
    for name, (good, bad, word) in LANGUAGES.items():
        if not here[name]["ok"]:
            tap.skip(f"{name} compiles and runs", f"no {name} under /usr")
            continue
        tap.case(f"{name} compiles and runs", compiles_and_runs, fleet, name,
                 good)
        tap.case(f"{name}: errors are told", errors_are_told, fleet, name,
                 bad, word)
    if here["go"]["ok"]:
        tap.case("a Go module of two packages", go_module, fleet)
    if here["java"]["ok"]:
        tap.case("Java classes in a package", java_package, fleet)


def go_module(fleet):
    got = succeeds(fleet, "go-module", language="go",
                   entrypoint="cmd/x/main.go", files=[
                       {"path": "go.mod", "content": "module m\n\ngo 1.19\n"},
                       {"path": "lib/lib.go", "content":
                        "package lib\nfunc Answer() int { return 42 }\n"},
                       {"path": "cmd/x/main.go", "content":
                        'package main\nimport "m/lib"\n'
                        "func main() { println(lib.Answer()) }\n"}])
    same(got["stderr"], b"42\n", "output")


def java_package(fleet):
    got = succeeds(fleet, "java-package", language="java",
                   entrypoint="com/x/App.java", files=[
                       {"path": "com/x/App.java", "content":
                        "package com.x; public class App { public static void "
                        "main(String[] a) { System.out.println(Part.N); } }"},
                       {"path": "com/x/Part.java", "content":
                        "package com.x; class Part { static int N = 42; }"}])
    same(got["stdout"], b"42\n", "output")


def several_sources(fleet):
    got = succeeds(fleet, "c-several", language="c", entrypoint="first.c",
                   files=[
                       {"path": "first.c", "content":
                        '#include <stdio.h>\n#include "inc/n.h"\n'
                        'int main(void) { printf("%d\\n", n()); }'},
                       {"path": "inc/n.h", "content": "int n(void);"},
                       {"path": "sub/n.c", "content":
                        '#include "inc/n.h"\nint n(void) { return 42; }'}])
    same(got["stdout"], b"42\n", "output")


# ---- commands of a job's own -----------------------------------------------


def own_command(fleet):
    """Any language; what it makes is there in the run, with its modes, and
    what it prints is not the program's."""
    got = succeeds(
        fleet, "own", language="shell", code="cat made; ./tool; ls",
        stream=True, compile={"argv": [
            "sh", "-c", "echo building; echo warned >&2; echo made >made; "
            "printf '#!/bin/sh\\necho tool' >tool; chmod 755 tool; "
            "mkdir empty; ln -s made link; echo x >/tmp/gone"]})
    same(got["stdout"], b"made\ntool\nmade\nmain.sh\ntool\n", "output")
    same((got["compile"]["stdout"], got["compile"]["stderr"]),
         (b"building\n", b"warned\n"), "of the compiler")
    same(got["warnings"], ["compile: 1 links and other entries that are no "
                           "files did not go to the run"], "warnings")
    # Of two topics neither is the first: what is there in the end counts.
    same(fleet.tail("output").wait(streamed_of("own", got["stdout"]),
                                   what="the output, streamed"),
         got["stdout"], "streamed")


def streamed_of(job_id, wanted):
    """All of the job's stdout, once there is as much of it as is wanted."""
    def found(records):
        text = b"".join(r.message.get("data", b"") for r in records
                        if r.key == job_id.encode()
                        and r.message["stream"] == "stdout")
        return text if len(text) >= len(wanted) else None
    return found


def own_command_of_a_compiled_one(fleet):
    got = succeeds(fleet, "own-c", language="c", compile={
        "argv": ["gcc", "-DN=7", "-o", "main", "main.c"]},
        code='#include <stdio.h>\nint main(void) { printf("%d\\n", N); }')
    same(got["stdout"], b"7\n", "output")


def binary_that_is_made(fleet):
    got = succeeds(fleet, "binary", language="binary", entrypoint="out/app",
                   files=[{"path": "build.sh", "mode": 0o755, "content":
                           "#!/bin/sh\nmkdir out\n"
                           "printf '#!/bin/sh\\necho app' >out/app\n"
                           "chmod 755 out/app\n"}],
                   compile={"argv": ["./build.sh"]})
    same(got["stdout"], b"app\n", "output")


def artifacts_of_both(fleet):
    got = succeeds(fleet, "artifacts", language="shell",
                   code="echo run >artifacts/run; rm artifacts/two",
                   fetch_files=[{"path": "made"}], compile={"argv": [
                       "sh", "-c", "mkdir artifacts; echo m >made; "
                       "echo one >artifacts/one; echo two >artifacts/two"]})
    same([a["name"] for a in got["artifacts"]], ["one", "run"], "artifacts")
    same(got["files"][0]["content"], b"m\n", "a fetched file")


def what_is_not_there(fleet):
    got = run(fleet, "no-such", language="shell", code="true",
              compile={"argv": ["no-such-compiler"]})
    same((got["status"], got["compile"]["exit_code"]), ("compile_error", 127),
         "a name that is nowhere")
    got = run(fleet, "no-such-path", language="shell", code="true",
              compile={"argv": ["/no/such"]})
    same((got["status"], got["status_reason"]),
         ("compile_error", "compile: exec: No such file or directory"),
         "a path that is nowhere")


# ---- limits ----------------------------------------------------------------


def ends_by(fleet, job_id, script, limit, by, **limits):
    got = run(fleet, job_id, language="shell", code="echo never",
              compile={"argv": ["sh", "-c", script], "limits": limits})
    same(got["status"], "compile_error", f"status {got['status_reason']}")
    same(got["termination"]["limit"], limit, "limit")
    assert got["termination"]["by"] in by, got["termination"]
    assert got["status_reason"].startswith("compile: "), got
    same(got["compile"]["success"], False, "success")
    same(got["stdout"], b"", "output of the program")
    return got


def limits_end_it(fleet):
    got = ends_by(fleet, "slow", "echo so far; sleep 60", "wall_time",
                  ["worker_timer"], wall_time_ms=500)
    same(got["compile"]["stdout"], b"so far\n", "output so far")
    same(got["termination"]["limit_value"], 500, "value")
    ends_by(fleet, "busy", "while :; do :; done", "cpu_time",
            ["worker_timer", "rlimit"], cpu_time_ms=300)
    ends_by(fleet, "flood", "yes", "stdout", ["worker_guard"],
            stdout_bytes=1000)
    same(got["compile"]["status"], "time_limit_exceeded", "of the stage")
    if got["isolation"]["cgroup"] != "none":
        got = ends_by(fleet, "fat", "head -c 200M /dev/zero | tail -n 1",
                      "memory", ["kernel_oom", "worker_guard"],
                      memory_bytes=20 << 20)
        same(got["compile"]["status"], "memory_limit_exceeded",
             "of the stage")
    ends_by(fleet, "full", "head -c 9000000 /dev/zero >x", "disk", ["self"],
            disk_bytes=1 << 20)


def limits_are_its_own(fleet):
    """A run's small limits are not the compiler's, and the other way."""
    got = succeeds(fleet, "apart", language="shell",
                   code="head -c 5 big; ulimit -n",
                   limits={"max_open_files": 20, "wall_time_ms": 5000},
                   compile={"argv": ["sh", "-c", "ulimit -n; head -c 12000000 "
                                     "/dev/zero | tr '\\0' x >big"]})
    same(got["stdout"], b"xxxxx20\n", "in the run")
    same(got["compile"]["stdout"], b"1024\n", "in the stage")
    same(got["limits"]["max_open_files"], 20, "said")


def too_much_is_refused(fleet):
    got = run(fleet, "too-much", language="shell", code="echo never",
              compile={"argv": ["sh", "-c",
                                "head -c 40000000 /dev/zero >big"]})
    same(got["status"], "compile_error", "status")
    assert "compile.max_bytes is 33554432" in got["status_reason"], got
    got = run(fleet, "over-maximum", language="shell", code="true",
              compile={"argv": ["true"],
                       "limits": {"memory_bytes": 1 << 50}})
    same(got["status"], "validation_error", "over the maximum")
    assert "compile.limits.memory_bytes" in got["status_reason"], got


def dry_run(fleet):
    got = succeeds(fleet, "dry", language="c", code="not even C",
                   dry_run=True)
    same(got.get("compile"), None, "compile")


def main():
    tap = Tap()
    with Fleet(workers=1, slots=4) as fleet:
        fleet.tail("output")
        languages(tap, fleet)
        tap.case("several sources and a header", several_sources, fleet)
        tap.case("a command of the job's own", own_command, fleet)
        tap.case("... instead of the language's",
                 own_command_of_a_compiled_one, fleet)
        tap.case("... that makes the program", binary_that_is_made, fleet)
        tap.case("files that come back from a run after a stage",
                 artifacts_of_both, fleet)
        tap.case("a command that is not there", what_is_not_there, fleet)
        tap.case("limits end the stage", limits_end_it, fleet)
        tap.case("limits of the stage and of the run are apart",
                 limits_are_its_own, fleet)
        tap.case("more than may go to the run", too_much_is_refused, fleet)
        tap.case("a dry run compiles nothing", dry_run, fleet)
        tap.case("the fleet stops and leaves nothing", fleet.stop)
    tap.done()


main()
