# SPDX-License-Identifier: MIT
"""Drives workers and brokers as real processes through a schedule of faults,
and writes down what happened. It judges nothing: that is ../checker.py."""
