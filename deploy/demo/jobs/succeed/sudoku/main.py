# SPDX-License-Identifier: MIT
import sys

cells = [c for c in sys.stdin.read() if c in ".123456789"]


def choices(at):
    row, column = divmod(at, 9)
    box = row // 3 * 27 + column // 3 * 3
    seen = set(cells[row * 9:row * 9 + 9] + cells[column::9])
    for line in range(3):
        seen.update(cells[box + line * 9:box + line * 9 + 3])
    return [c for c in "123456789" if c not in seen]


def solve():
    empty = [(choices(at), at) for at in range(81) if cells[at] == "."]
    if not empty:
        return True
    options, at = min(empty, key=lambda pair: len(pair[0]))
    for cells[at] in options:
        if solve():
            return True
    cells[at] = "."
    return False


print("solved" if solve() else "no solution")
for row in range(9):
    print("".join(cells[row * 9:row * 9 + 9]))
