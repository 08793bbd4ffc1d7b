# SPDX-License-Identifier: MIT
import re
import sys
from collections import Counter

LINE = re.compile(r'(?P<host>\S+) "(?P<verb>[A-Z]+) (?P<path>\S+)" '
                  r"(?P<status>\d{3}) (?P<ms>\d+)ms")

requests = [m.groupdict() for m in map(LINE.search, sys.stdin) if m]
by_status = Counter(r["status"][0] + "xx" for r in requests)
slowest = max(requests, key=lambda r: int(r["ms"]))

print(", ".join(f"{by_status[s]} x {s}" for s in sorted(by_status)) +
      f"; slowest {slowest['path']} with {slowest['ms']} ms")
for host, count in Counter(r["host"] for r in requests).most_common(1):
    print(f"busiest {host} with {count} requests")
