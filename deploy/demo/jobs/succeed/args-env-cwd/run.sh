#!/bin/sh
# SPDX-License-Identifier: MIT
read -r line
echo "$GREETING, $# args, last '$2', in ${PWD##*/} with $(ls), $line"
