# SPDX-License-Identifier: MIT
"""Send a million bytes to ourselves with the congestion control that the command line names."""

import socket
import sys
import threading

name, size = sys.argv[1], 1_000_000
received = 0
with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    client.connect(server.getsockname())
    with server.accept()[0] as peer:
        threading.Thread(target=client.sendall, args=(bytes(size),)).start()
        while received < size:
            received += len(peer.recv(65536))
print(f"{name}: {received} bytes through")
