# SPDX-License-Identifier: MIT
print("collecting")
kept = []
while True:
    kept.append(bytearray(1024 * 1024))
