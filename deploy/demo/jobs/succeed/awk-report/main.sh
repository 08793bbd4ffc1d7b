#!/bin/sh
# SPDX-License-Identifier: MIT
awk '{ hours[$1] += $2 }
     END { for (name in hours) printf "%s %.2f\n", name, hours[name] }' | sort
