#!/bin/sh
# SPDX-License-Identifier: MIT
sha256sum abc.txt
