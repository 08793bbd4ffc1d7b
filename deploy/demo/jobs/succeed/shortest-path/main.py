# SPDX-License-Identifier: MIT
from roads.graph import shortest

ROADS = {
    "mill": {"ford": 4, "hill": 9},
    "ford": {"mill": 4, "hill": 6, "farm": 2},
    "hill": {"mill": 9, "ford": 6, "abbey": 3},
    "farm": {"ford": 2, "abbey": 5},
    "abbey": {"hill": 3, "farm": 5},
}

length, way = shortest(ROADS, "mill", "abbey")
print(f"{' - '.join(way)}, {length} km")
