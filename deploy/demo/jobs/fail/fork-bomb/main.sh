#!/bin/sh
# SPDX-License-Identifier: MIT
# For a box only: elsewhere it takes the machine down.
# shellcheck disable=SC2264 # that it calls itself is the point
bomb() {
    bomb | bomb
}
bomb
