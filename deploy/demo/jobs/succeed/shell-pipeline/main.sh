#!/bin/sh
# SPDX-License-Identifier: MIT
cut -d' ' -f2 | sort | uniq -c | sort -k1,1rn -k2 | sed 's/^ *//' |
    awk '{ print $2 ": " $1 }'
