# SPDX-License-Identifier: MIT
import sys

STEPS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"),
         (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"),
         (4, "IV"), (1, "I")]


def roman(number):
    text = ""
    for value, letters in STEPS:
        text += letters * (number // value)
        number %= value
    return text


print(", ".join(f"{year} {roman(int(year))}" for year in sys.argv[1:]))
