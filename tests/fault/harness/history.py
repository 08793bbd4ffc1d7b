# SPDX-License-Identifier: MIT
"""The history of a run: one JSON object per line, as ../README.md tells."""

import contextlib
import json
import threading
import time


class Recorder:
    """Lines may come from any thread."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.file = open(path, "w", encoding="utf-8")
        self.fault_count = 0

    def add(self, what, /, **fields):
        line = {"e": what, "t": round(time.time(), 4), **fields}
        text = json.dumps(line, separators=(",", ":"))
        with self.lock:
            self.file.write(text + "\n")

    def begin_fault(self, kind, **fields):
        with self.lock:
            self.fault_count += 1
            number = self.fault_count
        self.add("fault", id=number, kind=kind, **fields)
        return number

    def end_fault(self, number):
        self.add("healed", id=number)

    @contextlib.contextmanager
    def fault(self, kind, **fields):
        number = self.begin_fault(kind, **fields)
        try:
            yield number
        finally:
            self.end_fault(number)

    def close(self):
        self.file.close()
