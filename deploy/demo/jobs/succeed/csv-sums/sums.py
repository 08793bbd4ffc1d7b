# SPDX-License-Identifier: MIT
import csv
import sys
from collections import defaultdict
from decimal import Decimal

totals = defaultdict(Decimal)
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        totals[row["region"]] += int(row["units"]) * Decimal(row["price"])

print(", ".join(f"{region} {totals[region]}" for region in sorted(totals)))
print("all", sum(totals.values()))
