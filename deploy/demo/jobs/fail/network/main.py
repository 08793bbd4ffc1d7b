# SPDX-License-Identifier: MIT
import socket
import sys

# 192.0.2.1 belongs to nobody: it is for documentation.
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    sys.exit(f"no network: {error}")
