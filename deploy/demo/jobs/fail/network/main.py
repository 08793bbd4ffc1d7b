# SPDX-License-Identifier: MIT
import socket

# 192.0.2.1 belongs to nobody: it is for documentation.
socket.create_connection(("192.0.2.1", 80), timeout=5)
