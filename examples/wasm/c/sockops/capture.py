# SPDX-License-Identifier: MIT
"""Make a connection to ourselves and show the options of its SYN, as the loopback interface carries it."""

import socket

TCP, SYN = 6, 2


def options(segment: bytes) -> dict[int, bytes]:
    """Return the options of a TCP header by their kinds."""
    found, at, end = {}, 20, (segment[12] >> 4) * 4
    while at < end and segment[at]:
        length = 1 if segment[at] == 1 else segment[at + 1]
        found[segment[at]] = segment[at + 2 : at + length]
        at += length
    return found


with (
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire,
    socket.create_server(("127.0.0.1", 0)) as server,
):
    wire.bind(("lo", 0x0800))
    wire.settimeout(10)
    with socket.create_connection(server.getsockname()):
        while True:
            packet = wire.recv(65535)[14:]
            segment = packet[(packet[0] & 15) * 4 :]
            if packet[9] == TCP and segment[13] == SYN:
                break
    print("option 254 of the SYN:", options(segment).get(254, b"none").hex(" "))
