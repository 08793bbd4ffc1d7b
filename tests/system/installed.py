#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Is what `make install` puts down all that a C program needs, and nothing
else? Files, symbols, what the loader is told, the header, the help.
timeout: 120
"""

import hashlib
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import ROOT, TMPDIR, Tap, same  # noqa: E402
from installed import (  # noqa: E402
    LIBDIR, PREFIX, PROGRAM, SONAME, dynamic, install, output, pkg_config)

SHARED = LIBDIR / "libforkyard.so"
STATIC = LIBDIR / "libforkyard.a"
PC = "lib/pkgconfig/forkyard.pc"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]


def version():
    return output(PROGRAM, "version").split()[1]


def tree(top):
    """{path: digest, or what a link points to} of all files below it."""
    return {str(p.relative_to(top)):
            os.readlink(p) if p.is_symlink()
            else hashlib.sha256(p.read_bytes()).hexdigest()
            for p in top.rglob("*") if p.is_symlink() or p.is_file()}


def only_these_files():
    same(sorted(tree(PREFIX)), [
        "bin/forkyard", "include/forkyard.h", "lib/libforkyard.a",
        "lib/libforkyard.so", f"lib/{SONAME}", f"lib/{SONAME}.{version()}", PC,
        "share/doc/forkyard/LICENSE", "share/forkyard/forkyard.yaml"], "files")


def staged_is_the_same():
    """For a package: DESTDIR is in no file, its directories are."""
    stage = Path(TMPDIR) / "stage"
    install(DESTDIR=stage, PREFIX="/usr", libdir="/usr/lib/triplet")
    staged = {path.replace("lib/triplet/", "lib/"): what
              for path, what in tree(stage / "usr").items()}
    wanted = tree(PREFIX)
    del staged[PC], wanted[PC]
    same(staged, wanted, "staged files")
    text = (stage / "usr/lib/triplet/pkgconfig/forkyard.pc").read_text()
    same(re.findall(r"^(\w+)=(.*)", text, re.M),
         [("prefix", "/usr"), ("libdir", "/usr/lib/triplet"),
          ("includedir", "/usr/include")], "forkyard.pc")
    assert "@" not in text and TMPDIR not in text, text


def documented():
    """The functions that the header declares, sorted."""
    text = (PREFIX / "include" / "forkyard.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = re.findall(r"^FY_API [^;(]*?\b(\w+)\(", text, re.M)
    # Each one, however it is laid out: what is taken away is all there was.
    same(len(found), text.count("FY_API ") - text.count("#define FY_API "),
         "declarations")
    return sorted(found)


def exactly(names, wanted):
    same((sorted(names - wanted), sorted(wanted - names)), ([], []),
         "(too many, missing)")


def shared_exports():
    """The version node itself counts as one; how it is shown differs."""
    lines = output("nm", "-D", "--defined-only", SHARED)
    node = re.search(r" A (FORKYARD_1\S*)$", lines, re.M).group(1)
    names = {line.split()[2] for line in lines.splitlines()} - {node}
    exactly(names, {f"{name}@@FORKYARD_1" for name in documented()})


def static_exports():
    lines = output("nm", "-g", "--defined-only", STATIC).splitlines()
    exactly({line.split()[2] for line in lines if len(line.split()) == 3},
            set(documented()))


def has_its_name():
    same(dynamic(SHARED)["SONAME"], [SONAME], "SONAME")
    same(os.readlink(SHARED), SONAME, "what the linker takes")
    same(os.readlink(LIBDIR / SONAME), f"{SONAME}.{version()}",
         "what the loader takes")


def loads_what_the_system_has():
    """No path of the machine it was built on, no library of ours."""
    for path in (SHARED, PROGRAM):
        tags = dynamic(path)
        same({"RPATH", "RUNPATH", "TEXTREL"} & set(tags), set(), str(path))
        assert any(n.startswith("libc.so") for n in tags["NEEDED"]), tags
        same([n for n in tags["NEEDED"] if "rdkafka" in n or "/" in n
              or "forkyard" in n], [], f"{path} needs")


def asks_for_itself_only():
    same([w for w in pkg_config("--libs") if not w.startswith("-L")],
         ["-lforkyard"], "libraries of a shared build")
    assert "-lcrypto" in pkg_config("--libs", "--static")
    same(pkg_config("--modversion"), [version()], "version")


def compiles(compiler, standard):
    """The header and nothing else, in a program that is linked and runs."""
    source = Path(TMPDIR) / f"alone.{'c' if compiler == 'gcc' else 'cc'}"
    source.write_text("#include <forkyard.h>\n"
                      "int main(void) { return fy_version()[0] == 0; }\n")
    program = source.with_suffix(".out")
    output(compiler, f"-std={standard}", *WARNINGS, "-o", program, source,
           *pkg_config("--cflags", "--libs"))
    output(program)


def example_has_no_warning():
    output("gcc", "-std=c11", *WARNINGS, "-fsyntax-only",
           ROOT / "deploy/examples/submit.c", *pkg_config("--cflags"))


def help_of_every_command():
    """From the program alone: elsewhere, in an empty environment."""
    def words(*args):
        return output(PROGRAM, *args, cwd="/", env={})

    names = re.findall(r"^  (\w+) {2,}\w", words("help"), re.M)
    assert {"dev", "run", "submit", "worker"} <= set(names), names
    for name in set(names) - {"help", "version"}:
        text = words("help", name)
        same(words(name, "--help"), text, f"{name} --help")
        form = rf"forkyard {name} - .*\n\nUsage:\n  forkyard {name}.*" \
            r"\n(Common o|O)ptions:\n"
        assert re.match(form, text, re.S), text[:400]


CASES = [
    ("these files and no other", only_these_files),
    ("a staged tree is the same", staged_is_the_same),
    ("the shared library shows what the header declares", shared_exports),
    ("... and so does the static one", static_exports),
    ("... its name has the number of its interface", has_its_name),
    ("nothing is loaded but what the system has", loads_what_the_system_has),
    ("pkg-config names the library and no other", asks_for_itself_only),
    ("the header alone, in C11", compiles, "gcc", "c11"),
    ("the header alone, in C++11", compiles, "g++", "c++11"),
    ("the example in C has no warning", example_has_no_warning),
    ("help of every command", help_of_every_command),
]


def main():
    tap = Tap()
    install(PREFIX=PREFIX)
    for name, function, *args in CASES:
        tap.case(name, function, *args)
    tap.done()


main()
