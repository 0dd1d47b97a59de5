"""Interfaces and routes by rtnetlink, as the guests of the matrix have no ip(8) that knows veth and netkit."""

from __future__ import annotations

import os
import socket
import struct

RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 17, 20, 24
_REQUEST, _ACK, _CREATE, _EXCL = 1, 4, 0x400, 0x200
_UP = 1


def attribute(kind: int, data: bytes) -> bytes:
    """Return struct rtattr with its padding."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _ask(kind: int, flags: int, body: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body)
        answer = sock.recv(65536)
    (code,) = struct.unpack_from("=i", answer, 16)
    if code:
        raise OSError(-code, f"rtnetlink {kind}: {os.strerror(-code)}")


def _link_body(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def add_pair(kind: str, name: str, peer: str, data: bytes = b"") -> None:
    """Make two interfaces that are joined, of kind veth or netkit; `data` are more attributes of the kind's own."""
    other = attribute(1, _link_body() + attribute(3, peer.encode() + b"\0"))  # VETH_INFO_PEER, IFLA_NETKIT_PEER_INFO
    info = attribute(1, kind.encode() + b"\0") + attribute(2, other + data)  # IFLA_INFO_KIND, IFLA_INFO_DATA
    _ask(RTM_NEWLINK, _CREATE | _EXCL, _link_body() + attribute(3, name.encode() + b"\0") + attribute(18, info))


def set_up(name: str, mtu: int = 0) -> None:
    """Bring an interface up, with an MTU where one is given."""
    extra = attribute(4, struct.pack("=I", mtu)) if mtu else b""
    _ask(RTM_NEWLINK, 0, _link_body(socket.if_nametoindex(name), _UP) + extra)


def delete(name: str) -> None:
    """Remove an interface, and the one that it is joined to."""
    _ask(RTM_DELLINK, 0, _link_body(socket.if_nametoindex(name)))


def add_address(name: str, address: str, length: int) -> None:
    """Give an interface an IPv4 address."""
    packed = socket.inet_aton(address)
    body = struct.pack("=BBBBi", socket.AF_INET, length, 0, 0, socket.if_nametoindex(name))
    _ask(RTM_NEWADDR, _CREATE | _EXCL, body + attribute(2, packed) + attribute(1, packed))
