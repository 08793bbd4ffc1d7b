# SPDX-License-Identifier: MIT
import difflib
import sys

old, new = (open(path).read().splitlines() for path in sys.argv[1:3])
changes = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]

added = sum(line[0] == "+" for line in changes)
print(f"{added} lines added, {len(changes) - added} removed")
print("\n".join(changes))
