# SPDX-License-Identifier: MIT
ages = {"alice": 31, "bob": 27}
print("bob is", ages["bob"])
print("carol is", ages["carol"])
