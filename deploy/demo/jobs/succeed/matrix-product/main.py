# SPDX-License-Identifier: MIT
SIZE = 60
a = [[(i * j) % 17 for j in range(SIZE)] for i in range(SIZE)]
b = [[(i + 2 * j) % 19 for j in range(SIZE)] for i in range(SIZE)]


def product(x, y):
    columns = list(zip(*y))
    return [[sum(p * q for p, q in zip(row, column)) for column in columns]
            for row in x]


c = product(a, b)
ones = [[1] for _ in range(SIZE)]
same = product(c, ones)[5] == product(a, product(b, ones))[5]
print(f"trace {sum(c[i][i] for i in range(SIZE))}, a row agrees: {same}")
