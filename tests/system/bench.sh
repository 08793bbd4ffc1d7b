#!/bin/bash
# SPDX-License-Identifier: MIT
# bench.sh - the measurements run and say what they should; no figure is
# judged here, because a test machine has other work.
# timeout: 400
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
unset FORKYARD_CONFIG
out=$TMPDIR/out

# names FILE NAME...: each is there once, with all its keys
names() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = json.load(file)
for name in sys.argv[2:]:
    found = [row for row in rows if row["name"] == name]
    assert len(found) == 1, f"{name}: {len(found)} rows"
    wanted = {"name", "value", "unit", "baseline", "ratio", "note"}
    assert set(found[0]) == wanted, found[0]
    value = found[0]["value"]
    # box_idle_kb is not known before boxes are prepared ahead
    assert isinstance(value, (int, float)) or name == "box_idle_kb", found[0]
PYTHON
}

# peers FILE: what is said of those that could not be measured
peers() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = {row["name"]: row for row in json.load(file)}
assert rows["peer_bwrap_us"]["ratio"] > 1, rows["peer_bwrap_us"]
assert "the best is bwrap" in rows["box_over_best_peer"]["note"]
for name, words in (("crun", "no luck"), ("runc", "not installed")):
    row = rows[f"peer_{name}_us"]
    assert row["value"] is None and words in row["note"], row
    assert f"peer_{name}_cpu_us" not in rows
PYTHON
}

# plausible FILE: the figures of the boxes agree with each other
plausible() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = {row["name"]: row for row in json.load(file)}
# A box is a program and more: it cannot cost less CPU than bare. Of ten times,
# on a machine that others use, the middle one says less.
assert rows["box_cpu_own_us"]["ratio"] > 1, rows["box_cpu_own_us"]
for name in ("box_latency_us", "box_spaced_latency_us"):
    assert rows[name]["ratio"] > 0.5, rows[name]
for width in (2, 4):
    assert 0 < rows[f"box_parallel_{width}_per_s"]["ratio"] < 1
# Two ways to count the same; one of them sees everything on the machine.
ways = rows["box_cpu_us"]["value"] / rows["box_cpu_own_us"]["value"]
assert 0.5 < ways < 3, ways
PYTHON
}

check "boxes" exits_with 0 "$FORKYARD" bench --only box --samples 10 \
    --rounds 1 --json
check "... have their figures" names "$out" box_cpu_ratio box_cpu_own_ratio \
    box_latency_ratio box_spaced_latency_ratio box_parallel_ratio \
    box_idle_kb box_cpu_1_slot box_cpu_10_slots box_cpu_100_slots \
    box_cpu_1000_slots
check "... which agree" plausible "$out"
check "... and fail with the program" exits_with 1 "$FORKYARD" bench \
    --only box --rounds 1 --program /usr/bin/false
check "... of a box too" has "$TMPDIR/err" "a boxed run: "
check "one box alone, for profilers" exits_with 0 "$FORKYARD" bench-box \
    /usr/bin/true 3
check "... says its time" grep -qE '^[0-9]+ us$' "$out"
check "... wants a program and a number" exits_with 2 "$FORKYARD" bench-box \
    /usr/bin/true 0
# Only these two are found: one that runs what comes last, one that cannot.
mkdir "$TMPDIR/peers"
# shellcheck disable=SC2016 # for the script
printf '#!/bin/bash\nexec "${@: -1}"\n' >"$TMPDIR/peers/bwrap"
printf '#!/bin/bash\necho "no luck" >&2\nexit 3\n' >"$TMPDIR/peers/crun"
chmod +x "$TMPDIR/peers/"*
check "peers" exits_with 0 env PATH="$TMPDIR/peers" "$FORKYARD" bench \
    --only peers --rounds 1 --json
check "... are measured when they run" names "$out" peer_bwrap_us \
    peer_bwrap_cpu_us peer_forkyard_us box_over_best_peer \
    box_over_best_peer_cpu
check "... and named when not" peers "$out"
check "... leave nothing" is "$(find "$TMPDIR" -name "forkyard-bench*")" ""
check "latency" exits_with 0 "$FORKYARD" bench --only latency --samples 10 \
    --idle 100ms --json --out "$TMPDIR/made/bench.json"
check "... has its figures" names "$out" echo_p50_ms echo_p99_ms job_p50_ms \
    job_p99_ms job_over_echo_p50_ms box_over_spawn engine_idle_rss_mb \
    engine_idle_cpu_percent
check "... in the file too" cmp "$out" "$TMPDIR/made/bench.json"
check "throughput" exits_with 0 "$FORKYARD" bench --only throughput \
    --rounds 1 --json
check "... has its figures" names "$out" throughput_jobs_per_s \
    throughput_vs_spawn
check "memory" exits_with 0 "$FORKYARD" bench --only memory --jobs 200 --json
check "... has its figures" names "$out" memory_growth_kb_per_1000_jobs
check "an unknown phase is refused" exits_with 2 "$FORKYARD" bench --only luck
tap_done
