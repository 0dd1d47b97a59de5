# SPDX-License-Identifier: MIT
"""Listen on port 8080, connect to what the command line says, and tell who answered."""

import socket
import sys

server = socket.create_server(("127.0.0.1", 8080))
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
server.accept()[0].sendall(b"hello from port 8080")
print(client.recv(100).decode())
