#!/bin/bash
# SPDX-License-Identifier: MIT
declare -A stock=([apples]=3 [pears]=5)

stock[apples]=$((stock[apples] + 4))
stock[plums]=12

total=0
list=
while read -r fruit; do
    list+="${list:+, }$fruit ${stock[$fruit]}"
    ((total += stock[$fruit]))
done < <(printf '%s\n' "${!stock[@]}" | sort)
echo "$list; $total pieces"
