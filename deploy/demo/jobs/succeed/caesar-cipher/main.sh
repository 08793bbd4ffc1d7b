#!/bin/sh
# SPDX-License-Identifier: MIT
tee plain.txt | tr 'A-Za-z' 'D-ZA-Cd-za-c' | tee secret.txt
tr 'D-ZA-Cd-za-c' 'A-Za-z' <secret.txt
cmp -s plain.txt secret.txt && exit 1
exit 0
