# SPDX-License-Identifier: MIT
"""What `make install` puts below a directory of the test's own, and looks at
it with the system's tools. Runs in the tests, never in a product."""

import os
import re
import subprocess
from pathlib import Path

from fleet import ROOT, TMPDIR

PREFIX = Path(TMPDIR) / "installed"
PROGRAM = PREFIX / "bin" / "forkyard"
LIBDIR = PREFIX / "lib"
SONAME = "libforkyard.so.1"
# For a compiler, and for what it compiled.
ENV = dict(os.environ, LD_LIBRARY_PATH=str(LIBDIR),
           PKG_CONFIG_PATH=str(LIBDIR / "pkgconfig"))
DEADLINE_S = 60


def install(**variables):
    """As a user types it; nothing is built that is current."""
    words = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(["make", "install", *words], cwd=ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def output(*argv, env=None, **more):
    """What a command writes; words on stderr are a failure, as a status."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False,
                          timeout=DEADLINE_S, env=ENV if env is None else env,
                          **more)
    assert (done.returncode, done.stderr) == (0, ""), \
        f"{argv}: exit {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def pkg_config(*args):
    return output("pkg-config", *args, "forkyard").split()


def dynamic(path):
    """{tag: [value]} of what the loader is told; nothing in a static one."""
    found = {}
    for tag, value in re.findall(r"\((\w+)\) +(.*)",
                                 output("readelf", "-d", "-W", path)):
        # NEEDED and SONAME come as words and a name in brackets
        name = re.search(r"\[(.*)\]", value)
        found.setdefault(tag, []).append(name.group(1) if name else value)
    return found
