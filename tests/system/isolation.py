#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does `isolation` of a result say what the job itself sees from inside? Do
two jobs at the same time see each other? And the same without root.
timeout: 90
"""

import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from fleet import (FORKYARD, Fleet, Tap, children, conforms,  # noqa: E402
                   family, same, schema, uid_of)

ORDINARY_UID = 12345

# Runs in the box: says what it finds, as one JSON object.
LOOK = r"""
import json, os, socket, termios
def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
def can(action):
    try:
        action()
        return True
    except OSError:
        return False
def kafka():
    socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 2).close()
def control():
    try:
        termios.tcgetattr(open("/dev/null"))
    except termios.error as error:
        return error.args[0]
print(json.dumps({
    "ns": {n: os.readlink("/proc/self/ns/" + n) for n in
           ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")},
    "no_new_privs": status("NoNewPrivs"),
    "seccomp": status("Seccomp"),
    "control": control(),
    "caps": [status(c) for c in
             ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "groups": status("Groups"),
    "uid_map": [line.split() for line in open("/proc/self/uid_map")],
    "uids": list(os.getresuid()),
    "pids": [int(p) for p in os.listdir("/proc") if p.isdigit()],
    "root_read_only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "usr_read_only": bool(os.statvfs("/usr").f_flag & os.ST_RDONLY),
    "writes": [p for p in ("/x", "/usr/x", "/etc/x", "/dev/x", "/proc/x",
                           "/tmp/x", "/workspace/x", "/var/tmp/x")
               if can(lambda: open(p, "w"))],
    "shadow": can(lambda: open("/etc/shadow")),
    "kafka": can(kafka),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "host": socket.gethostname(),
    "fds": sorted(os.listdir("/proc/self/fd")),
    "environment": sorted(os.environ),
    "sys": can(lambda: os.listdir("/sys/kernel")),
}))
"""

NAMESPACES = {"user_ns": "user", "pid_ns": "pid", "mount_ns": "mnt",
              "net_ns": "net", "ipc_ns": "ipc", "uts_ns": "uts",
              "cgroup_ns": "cgroup"}


def look(fleet):
    port = fleet.kafka.rsplit(":", 1)[1]
    result = fleet.run(language="python", code=LOOK, env={"PORT": port})
    same(result["status"], "success",
         f"status: {result.get('status_reason')} {result.get('stderr')}")
    conforms("result", result)
    return result["isolation"], json.loads(result["stdout"])


def block_is_complete(said):
    wanted = set(schema("result")["properties"]["isolation"]["properties"])
    same(wanted - set(said), set(), "not said")


def namespaces(said, seen):
    for key, name in NAMESPACES.items():
        differs = seen["ns"][name] != os.readlink(f"/proc/self/ns/{name}")
        same(said[key], differs, key)
        assert said[key], f"{key} is not in force"


def privilege(said, seen):
    same(said["capabilities"], [], "capabilities, said")
    same(seen["caps"], ["0" * 16] * 5, "capabilities, seen")
    same(said["no_new_privs"], seen["no_new_privs"] == "1", "no_new_privs")
    assert said["no_new_privs"]
    same(bool(said["seccomp"]) and said["seccomp"] != "none",
         seen["seccomp"] == "2", "seccomp")
    same(seen["seccomp"], "2", "seccomp, seen")
    same(seen["groups"], "", "groups")


def landlock(said, seen):
    """The ABI is the kernel's; that it holds shows in a call that only it
    refuses so, from ABI 5 on."""
    create_ruleset, version = 444, 1
    abi = ctypes.CDLL(None).syscall(create_ruleset, None, 0, version)
    same(said["landlock"], min(abi, 7) if abi >= 2 else 0, "landlock")
    same(seen["control"],
         errno.EACCES if said["landlock"] >= 5 else errno.ENOTTY, "rules")


def user(said, seen, low, high):
    """One user in the box. Who that is outside, `outside` looks up."""
    (inside, _, count), = [map(int, row) for row in seen["uid_map"]]
    same(seen["uids"], [inside] * 3, "uids inside")
    assert inside != 0, "root inside"
    same(count, 1, "users mapped")
    assert low <= said["uid"] < high, f"uid {said['uid']}"


def file_system(said, seen):
    same(said["root_read_only"], seen["root_read_only"], "root_read_only")
    assert seen["root_read_only"] and seen["usr_read_only"], seen
    same(seen["writes"], ["/tmp/x", "/workspace/x"], "can write")
    same(seen["shadow"], False, "can read /etc/shadow")
    same(seen["sys"], False, "can read /sys/kernel")


def surroundings(seen):
    assert max(seen["pids"]) < 100 and len(seen["pids"]) <= 3, seen["pids"]
    same(seen["kafka"], False, "can reach the broker")
    same(set(seen["interfaces"]) <= {"lo"}, True, "interfaces")
    # 3 is the folder that is being listed.
    same(seen["fds"], ["0", "1", "2", "3"], "descriptors")
    leaked = [n for n in seen["environment"] if n.startswith("FORKYARD")]
    same(leaked, [], "environment")
    assert seen["host"] != os.uname().nodename, seen["host"]


BREAK_OUT = r"""
import ctypes, os, time
if os.fork() == 0:
    ctypes.CDLL(None).syscall(321, 0)  # bpf
time.sleep(60)
"""


def violation(fleet):
    """A call that no job may make ends it, whichever process makes it."""
    result = fleet.run(language="python", code=BREAK_OUT)
    conforms("result", result)
    same((result["status"], result["termination"]),
         ("security_violation", {"by": "seccomp", "syscall": "bpf"}), "ending")
    same(result["signal"]["name"], "SIGSYS", "signal")
    result = fleet.run(language="shell", code="kill -SYS $$")
    same(result["status"], "signalled", "its own signal")


def checked(program=FORKYARD, prefix=()):
    """What `forkyard check` says of the levels, started as the fleet is."""
    said = subprocess.run([*prefix, program, "check", "--json"],
                          stdout=subprocess.PIPE, check=True).stdout
    return {row["name"]: row for row in json.loads(said)["levels"]}


def levels(fleet, isolated, is_root):
    """isolated is all layers or no run; a message never gets trusted."""
    result = fleet.run(language="shell", code="echo ran",
                       security_level="isolated")
    conforms("result", result)
    if isolated["ok"]:
        same((result["status"], result["stdout"]), ("success", b"ran\n"),
             result.get("status_reason"))
        same(result["isolation"]["security_level"], "isolated", "level")
        assert result["isolation"]["cgroup"] != "none"
        assert result["isolation"]["landlock"] > 0
    else:
        same(result["status"], "setup_error", "status")
        assert "isolation" not in result, "it was run"
        for layer in isolated["missing"]:
            for words in layer.values():
                assert words in result["status_reason"], words
    assert is_root or not isolated["ok"], "one user id is not enough"
    result = fleet.run(language="shell", code="echo ran",
                       security_level="trusted")
    same(result["status"], "validation_error", "trusted")
    assert "worker's configuration" in result["status_reason"]


# ---- two at the same time --------------------------------------------------

# The victim leaves everything that could be found, and waits to be killed.
VICTIM = r"""
import os, socket, sys, time
open("/tmp/secret", "w").write("a secret")
open("/dev/shm/secret", "w").write("x") if os.path.isdir("/dev/shm") else 0
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0the-victim")
abstract.listen()
tcp = socket.socket()
tcp.bind(("127.0.0.1", 5555))
tcp.listen()
print("ready", flush=True)
os.execv("/bin/sleep", ["the-victim", "6"])
"""

SPY = r"""
import json, os, signal, socket
found = []
def try_(what, action):
    try:
        if action():
            found.append(what)
    except OSError:
        pass
def connected(kind, where):
    s = socket.socket(kind)
    s.connect(where)
    return True
def words(pid):
    return b"the-victim" in open(f"/proc/{pid}/cmdline", "rb").read()
for pid in os.listdir("/proc"):
    if pid.isdigit():
        try_("process", lambda: words(pid))
for folder in ("/tmp", "/workspace", "/dev/shm", "/var/tmp"):
    try_(folder, lambda: "secret" in os.listdir(folder))
try_("abstract socket", lambda: connected(socket.AF_UNIX, "\0the-victim"))
try_("tcp", lambda: connected(socket.AF_INET, ("127.0.0.1", 5555)))
for pid in range(3, 70000):
    if pid != os.getpid():
        try_("signal", lambda: os.kill(pid, signal.SIGKILL) or True)
print(json.dumps(found))
"""


def submit_and_wait(fleet, job_id, **job):
    """Returns when it has written something: its program runs."""
    fleet.submit([{"job_id": job_id, "stream": True, **job}])
    chunk = fleet.tail("output").wait(lambda records: next(
        (r.message for r in records if r.key == job_id.encode()), None),
        what=f"output of {job_id}")
    conforms("chunk", chunk)
    assert chunk["data"].startswith(b"ready"), chunk


def two_jobs(fleet, is_root):
    loopback = {"mode": "loopback"}
    submit_and_wait(fleet, "victim", language="python", code=VICTIM,
                    network=loopback)
    spies = [f"spy-{n}" for n in range(3)]
    fleet.submit([{"job_id": i, "language": "python", "code": SPY,
                   "network": loopback} for i in spies])
    results = fleet.results(["victim", *spies])
    victim = results.pop("victim")
    same(victim["status"], "success", f"the victim {victim.get('stderr')}")
    end = victim["timings"]["finished_unix_nano"]
    for job_id, spy in results.items():
        same((spy["status"], spy["stderr"]), ("success", b""), job_id)
        same(json.loads(spy["stdout"]), [], f"{job_id} found")
        assert spy["timings"]["finished_unix_nano"] < end, \
            "they did not run at the same time"
    uids = {r["isolation"]["uid"] for r in results.values()}
    if is_root:
        assert victim["isolation"]["uid"] not in uids, "one uid for two boxes"


def outside(fleet):
    """What the host's /proc says of a box that runs now."""
    submit_and_wait(fleet, "held", language="shell", args=["the-held-one"],
                    code="echo ready; sleep 1; true")
    (worker,) = fleet.worker_pids().values()
    # Not any box: others are made ahead, for jobs to come.
    (held,) = [pid for pid in family(fleet.launcher_of(worker))
               if b"the-held-one" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    rows = Path(f"/proc/{held}/cgroup").read_text().splitlines()
    uid = uid_of(held)
    result = fleet.result("held")
    same(result["status"], "success", "status")
    said = result["isolation"]
    same(uid, said["uid"], "uid outside")
    ours = [row for row in rows if "/forkyard/w" in row]
    same(bool(ours), said["cgroup"] != "none", f"cgroup {said['cgroup']}")
    if said["cgroup"] == "v1":
        assert any(":memory:" in row for row in ours), rows


def two_fleets(fleet):
    """One in a pid namespace of its own cannot see the other's workers, and
    must not take their cgroups for those of dead ones."""
    hidden = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    base = {"box.uid_base": fleet.uid_base + 3 * fleet.UID_RANGE}
    with Fleet(workers=1, slots=2, prefix=hidden, settings=base) as other:
        other.is_well()
        fleet.is_well()
        (dev,) = children(other.process.pid)
        os.kill(dev, signal.SIGTERM)
        same(other.process.wait(30), 0, "exit status of the other")
    fleet.is_well()


# ---- all of it ---------------------------------------------------------------


def cases(tap, fleet, who, low, high, check):
    said, seen = look(fleet)
    print(f"# {who}: {said}")
    tap.case(f"{who}: the block is complete", block_is_complete, said)
    tap.case(f"{who}: namespaces", namespaces, said, seen)
    tap.case(f"{who}: capabilities, no_new_privs, seccomp, groups", privilege,
             said, seen)
    tap.case(f"{who}: Landlock", landlock, said, seen)
    tap.case(f"{who}: one user, not root", user, said, seen, low, high)
    tap.case(f"{who}: user and cgroup, seen from outside", outside, fleet)
    tap.case(f"{who}: read-only but for /tmp and /workspace", file_system,
             said, seen)
    tap.case(f"{who}: alone, no network, nothing inherited", surroundings,
             seen)
    tap.case(f"{who}: two jobs do not see each other", two_jobs, fleet,
             high - low > 1)
    tap.case(f"{who}: security levels", levels, fleet,
             check["isolated"], high - low > 1)
    if os.uname().machine == "x86_64":
        tap.case(f"{who}: a call that ends the job", violation, fleet)
    tap.case(f"{who}: an exception is a result like any", lambda: same(
        fleet.run(language="python", code="1/0")["status"], "nonzero_exit"))
    if high - low > 1:
        tap.case(f"{who}: two fleets, in two pid namespaces", two_fleets,
                 fleet)
    tap.case(f"{who}: the fleet stops and leaves nothing", fleet.stop)


def as_root(tap):
    with Fleet(workers=1, slots=8) as fleet:
        low = fleet.uid_base
        cases(tap, fleet, "root", low, low + fleet.UID_RANGE, checked())


def as_ordinary_user(tap):
    """Root starts it as somebody else; who is nobody special already is."""
    who, prefix, uid = "ordinary user", (), os.geteuid()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as home:
        if uid == 0:
            uid = ORDINARY_UID
            os.chown(home, uid, uid)
            prefix = ("setpriv", "--reuid", str(uid), "--regid", str(uid),
                      "--clear-groups", "--inh-caps=-all")
        if subprocess.run([*prefix, "unshare", "-Ur", "true"],
                          stderr=subprocess.DEVNULL).returncode != 0:
            tap.skip(who, "this host has no user namespaces for users")
            return
        # Where the tree lies, not everybody may look.
        program = shutil.copy(FORKYARD, home)
        env = {"HOME": home, "TMPDIR": home}
        with Fleet(workers=1, slots=8, prefix=prefix, env=env,
                   program=program) as fleet:
            cases(tap, fleet, who, uid, uid + 1, checked(program, prefix))


def main():
    tap = Tap()
    if os.geteuid() == 0:
        as_root(tap)
    as_ordinary_user(tap)
    tap.done()


main()
