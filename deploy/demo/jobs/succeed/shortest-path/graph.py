# SPDX-License-Identifier: MIT
import heapq


def shortest(roads, start, goal):
    """The length of the shortest way, and the places on it."""
    waiting = [(0, [start])]
    done = set()
    while waiting:
        length, way = heapq.heappop(waiting)
        if way[-1] == goal:
            return length, way
        if way[-1] in done:
            continue
        done.add(way[-1])
        for place, distance in roads[way[-1]].items():
            heapq.heappush(waiting, (length + distance, way + [place]))
    raise ValueError(f"no way from {start} to {goal}")
