#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does worker/doc/kafka-settings.md tell what the clients are given, all of
it, and nothing else? Reads the tables in the sources."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ("kafka_conf.c", "kafka_in_conf.c", "kafka_out_conf.c")
DOC = "worker/doc/kafka-settings.md"


def given():
    """{property: values}"""
    found = {}
    for name in SOURCES:
        text = (ROOT / "worker" / "svc" / name).read_text()
        text = text.replace("KAFKA_CONF_DEFAULT_BROKERS", '"localhost:9092"')
        for row in re.finditer(r'\{\s*(?:\\\s*)?"([a-z.]+)",\s*"([^"]*)"', text):
            found.setdefault(row[1], set()).add(row[2])
    return found


def told():
    """{property: all that is in backquotes beside it}"""
    found = {}
    for line in (ROOT / DOC).read_text().splitlines():
        row = re.match(r"\| `([a-z.]+)` \|(.*)", line)
        if row:
            found.setdefault(row[1], set()).update(
                re.findall(r"`([^`]*)`", row[2]))
            found[row[1]].update(re.findall(r"\d+", row[2]))
    return found


def main():
    wrong = []
    page, text = told(), (ROOT / DOC).read_text()
    numbers = {"fetch.message.max.bytes", "fetch.max.bytes"}
    for name, values in given().items():
        if name.startswith("enable.auto.") or " " in "".join(values):
            if f"`{name}`" not in text:
                wrong.append(f"{name} is not there")
        elif name not in page:
            wrong.append(f"{name} is not there")
        else:
            wrong += [f"{name}: {value} is not there"
                      for value in values - page[name]]
    wrong += [f"{name} is set by nobody"
              for name in page.keys() - given().keys() - numbers]
    for words in wrong:
        print(f"{DOC}: {words}")
    sys.exit(bool(wrong))


main()
