# SPDX-License-Identifier: MIT
from datetime import date, timedelta

YEAR = 2024
first = date(YEAR, 1, 1)
days = (date(YEAR + 1, 1, 1) - first).days
fridays = sum(date(YEAR, month, 13).weekday() == 4 for month in range(1, 13))
day_60 = first + timedelta(days=59)
print(f"{fridays} Fridays the 13th in {YEAR}; {days} days; "
      f"day 60 is {day_60.day} {day_60:%B}")
