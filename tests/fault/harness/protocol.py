# SPDX-License-Identifier: MIT
"""One request of Kafka's protocol by hand: a commit with any metadata, which
no client offers for groups it does not belong to."""

import socket
import struct

OFFSET_COMMIT = 8
VERSION = 2


def text(value):
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def commit(address, group, topic, offsets):
    """offsets: {partition: (offset, metadata)}, to the coordinator at
    address. The group must be empty. Returns {partition: error code}."""
    rows = b"".join(struct.pack(">iq", p, offset) + text(metadata)
                    for p, (offset, metadata) in offsets.items())
    body = struct.pack(">hhi", OFFSET_COMMIT, VERSION, 1) + text("faults") + \
        text(group) + struct.pack(">i", -1) + text("") + \
        struct.pack(">qi", -1, 1) + text(topic) + \
        struct.pack(">i", len(offsets)) + rows
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(struct.pack(">i", len(body)) + body)
        answer = receive(s, struct.unpack(">i", receive(s, 4))[0])
    at = 4 + 4 + 2 + len(topic.encode()) + 4
    return dict(struct.unpack_from(">ih", answer, at + 6 * i)
                for i in range(len(offsets)))


def receive(s, size):
    raw = b""
    while len(raw) < size:
        more = s.recv(size - len(raw))
        if not more:
            raise ConnectionError("the broker hung up")
        raw += more
    return raw
