# SPDX-License-Identifier: MIT
import sys

limit = int(sys.argv[1])
is_prime = bytearray([1]) * limit
is_prime[:2] = b"\0\0"
for n in range(2, int(limit ** 0.5) + 1):
    if is_prime[n]:
        is_prime[n * n::n] = bytes(len(range(n * n, limit, n)))

print(f"{sum(is_prime)} primes below {limit}")
