# SPDX-License-Identifier: MIT
import sys

data = sys.stdin.buffer.read().rstrip(b"\n")
text = data.decode("utf-8")
out = f"{len(text)} characters, {len(data)} bytes: {text.upper()}\n"
sys.stdout.buffer.write(out.encode("utf-8"))
