# SPDX-License-Identifier: MIT
"""Make a connection to ourselves, send 5 bytes one way and 10 the other."""

import socket

server = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(server.getsockname()) as client, server.accept()[0] as peer:
    client.sendall(b"hello")
    peer.recv(5)
    peer.sendall(b"hello back")
    client.recv(10)
