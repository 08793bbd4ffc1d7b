# SPDX-License-Identifier: MIT
import re
import sys
from collections import Counter

text = sys.stdin.read()
words = re.findall(r"[a-z]+", text.lower())
top = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))

print(f"{len(text.splitlines())} lines, {len(words)} words")
for word, count in top[:4]:
    print(f"{count:3} {word}")
