#!/bin/sh
# SPDX-License-Identifier: MIT
seq 20000 >numbers.txt
gzip -k numbers.txt
gunzip -c numbers.txt.gz >again.txt

cmp numbers.txt again.txt || exit 1
[ "$(wc -c <numbers.txt.gz)" -lt "$(wc -c <numbers.txt)" ] || exit 1
echo "$(wc -c <again.txt) bytes, smaller when packed," \
    "the same when unpacked"
