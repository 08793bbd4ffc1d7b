#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What compilers need of their stage, beside what they are given: a table.

    tests/bench/compilers.py [LANGUAGE...]

As root. Starts a fleet of one slot; each program goes through it as any job
would, with the limits its language has. Time, memory and processes are those
of the result; how full the file systems of the box became is looked at from
outside while it runs, through /proc/PID/root, so short peaks may be missed.
"""
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import Fleet  # noqa: E402

MIB = 1 << 20
DEADLINE_S = 300
LOOK_S = 0.003
FUNCTIONS = 1000  # of a large program: some 8000 lines
FOLDERS = ("workspace", "tmp")
COLUMNS = ("program", "status", "wall s", "CPU s", "memory MiB", "processes",
           "files", "/workspace MiB", "/tmp MiB")


# ---- programs --------------------------------------------------------------

# A line; a page that uses much of the standard library; and one function of a
# large program, its number in it, with what stands around them all.
PROGRAMS = {
    "c": {
        "hello": '#include <stdio.h>\nint main(void){puts("hi");}\n',
        "head": "#include <stdio.h>\n",
        "one": """int f%(n)d(int a, int b)
{
    int sum = b;
    for (int i = 0; i < a; i++) {
        sum = sum %% 7 ? sum * i + %(n)d : sum - i;
    }
    return sum;
}
""",
        "call": "    s += f%(n)d(s %% 50, %(n)d);\n",
        "main": "int main(void)\n{\n    int s = 1;\n%s"
                '    printf("%%d\\n", s);\n}\n',
    },
    "cpp": {
        "hello": '#include <iostream>\nint main(){std::cout<<"hi\\n";}\n',
        "page": """#include <bits/stdc++.h>
int main()
{
    std::map<std::string, std::vector<std::tuple<int, std::string>>> m;
    std::regex re("([a-z]+)-([0-9]+)");
    std::unordered_map<std::string, std::function<int(int)>> f;
    std::smatch found;
    std::string s = "abc-12";
    if (std::regex_match(s, found, re)) {
        m[found[1]].emplace_back(std::stoi(found[2]), s);
    }
    f["a"] = [](int a) { return a + 1; };
    std::priority_queue<std::pair<long, int>> q;
    q.push({f["a"](1), 2});
    std::thread([&] { q.pop(); }).join();
    std::cout << m.size() << "\\n";
}
""",
        "head": "#include <bits/stdc++.h>\n",
        "one": """struct t%(n)d { int key; std::string name; };
static int f%(n)d(int a)
{
    std::map<int, t%(n)d> m;
    std::vector<t%(n)d> v{{a, "a"}, {%(n)d, "b"}};
    std::sort(v.begin(), v.end(), [](const auto &x, const auto &y) {
        return x.key < y.key; });
    for (auto &x : v) m[x.key] = x;
    return m.begin()->first;
}
""",
        "call": "    s += f%(n)d(s);\n",
        "main": "int main()\n{\n    int s = 1;\n%s    std::cout << s;\n}\n",
        "functions": 100,  # each brings templates of its own
    },
    "go": {
        "hello": 'package main\nimport "fmt"\n'
                 'func main() { fmt.Println("hi") }\n',
        "page": """package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"text/template"
)

func main() {
	t := template.Must(template.New("x").Parse("{{.}}"))
	b, _ := json.Marshal(map[string]int{"a": 1})
	fmt.Println(string(b), regexp.MustCompile("a+").String(), t.Name(),
		http.StatusText(404))
}
""",
        "head": 'package main\nimport "fmt"\n',
        "one": """func f%(n)d(a int, b int) int {
	sum := b
	for i := 0; i < a; i++ {
		if sum%%7 == 0 { sum = sum*i + %(n)d } else { sum -= i }
	}
	return sum
}
""",
        "call": "\ts += f%(n)d(s %% 50, %(n)d)\n",
        "main": "func main() {\n\ts := 1\n%s\tfmt.Println(s)\n}\n",
    },
    "rust": {
        "hello": 'fn main() { println!("hi"); }\n',
        "page": """use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::{fmt::Debug, sync::mpsc, thread};
fn show<T: Debug>(x: T) -> String { format!("{:?}", x) }
fn main() {
    let mut m: HashMap<String, Vec<(i32, String)>> = HashMap::new();
    m.entry("a".into()).or_default().push((1, "b".into()));
    let b: BTreeMap<_, _> = m.iter().collect();
    let mut h: BinaryHeap<(i64, usize)> = (0..9).map(|i| (9 - i, 1)).collect();
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || tx.send(show(1.5)).unwrap()).join().unwrap();
    println!("{} {:?} {}", show(&b), h.pop(), rx.recv().unwrap());
}
""",
        "head": "",
        "one": """fn f%(n)d(a: i32, b: i32) -> i32 {
    let mut sum = b;
    for i in 0..a {
        sum = if sum %% 7 == 0 { sum.wrapping_mul(i) + %(n)d } else { sum - i };
    }
    sum
}
""",
        "call": "    s = s.wrapping_add(f%(n)d(s %% 50, %(n)d));\n",
        "main": 'fn main() {\n    let mut s: i32 = 1;\n%s    println!("{}", s);\n}\n',
    },
    "java": {
        "hello": "public class Main { public static void main(String[] a)"
                 ' { System.out.println("hi"); } }\n',
        "page": """import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;
import java.util.stream.*;
public class Main {
    record P(String a, int b) {}
    sealed interface S permits A, B {}
    record A(int x) implements S {}
    record B(List<P> y) implements S {}
    public static void main(String[] args) throws Exception {
        Map<String, List<P>> m = Stream.of(new P("a", 1), new P("b", 2))
            .collect(Collectors.groupingBy(P::a, TreeMap::new,
                                           Collectors.toList()));
        var f = CompletableFuture.supplyAsync(() -> m.size());
        System.out.println(f.get() + Pattern.compile("a+").pattern());
    }
}
""",
        "head": "",
        "one": """class C%(n)d {
    static int f(int a, int b) {
        int sum = b;
        for (int i = 0; i < a; i++) {
            sum = sum %% 7 == 0 ? sum * i + %(n)d : sum - i;
        }
        return sum;
    }
}
""",
        "call": "        s += C%(n)d.f(s %% 50, %(n)d);\n",
        "main": "public class Main {\n    public static void main(String[] a) {\n"
                "        int s = 1;\n%s        System.out.println(s);\n    }\n}\n",
    },
}


def large(parts):
    numbers = [{"n": n} for n in range(parts.get("functions", FUNCTIONS))]
    return (parts["head"] + "".join(parts["one"] % n for n in numbers)
            + parts["main"] % "".join(parts["call"] % n for n in numbers))


def programs(parts):
    made = {name: parts[name] for name in ("hello", "page") if name in parts}
    return {**made, "large": large(parts)}


# ---- looking into the box --------------------------------------------------


def children(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]
    except OSError:
        return []


class Watch(threading.Thread):
    """How full /workspace and /tmp become, in any box with a payload."""

    def __init__(self, worker):
        super().__init__(daemon=True)
        self.launchers = children(worker)
        self.bytes = dict.fromkeys(FOLDERS, 0)
        self.files = 0
        self.is_over = threading.Event()

    def look(self, init):
        files = 0
        for folder in FOLDERS:
            try:
                fs = os.statvfs(f"/proc/{init}/root/{folder}")
            except OSError:
                return
            used = (fs.f_blocks - fs.f_bfree) * fs.f_frsize
            self.bytes[folder] = max(self.bytes[folder], used)
            files += fs.f_files - fs.f_ffree
        self.files = max(self.files, files)

    def run(self):
        while not self.is_over.wait(LOOK_S):
            for launcher in self.launchers:
                for init in children(launcher):
                    if children(init):
                        self.look(init)

    def end(self):
        self.is_over.set()
        self.join()


# ---- the table -------------------------------------------------------------


def measure(fleet, language, name, code):
    job = f"{language}-{name}"
    watch = Watch(next(iter(fleet.workers.values())))
    watch.start()
    fleet.submit([{"job_id": job, "language": language, "code": code}])
    result = fleet.result(job, DEADLINE_S)
    watch.end()
    stage = result["compile"]
    usage = stage["usage"]
    cpu_us = usage["cpu_user_us"] + usage["cpu_system_us"]
    return (f"{language}, {name}", result["status"],
            f"{usage['wall_us'] / 1e6:.2f}", f"{cpu_us / 1e6:.2f}",
            f"{usage['memory_peak_bytes'] / MIB:.0f}",
            str(usage.get("processes_peak", "?")), str(watch.files),
            *(f"{watch.bytes[folder] / MIB:.1f}" for folder in FOLDERS))


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    row(COLUMNS)
    row(["---"] * len(COLUMNS))
    with Fleet(workers=1, slots=1, settings={"guard.enabled": "false"}) as fleet:
        for language in sys.argv[1:] or PROGRAMS:
            for name, code in programs(PROGRAMS[language]).items():
                row(measure(fleet, language, name, code))


if __name__ == "__main__":
    sys.exit(main())
