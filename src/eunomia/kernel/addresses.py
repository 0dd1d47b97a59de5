"""Network addresses and prefixes as bytes of map keys and values: as they are on the wire."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

MAPPED = bytes(10) + b"\xff\xff"


def address_of(text: str, size: int, where: str) -> bytes:
    """Return the bytes of an IPv4 (4), IPv6 (16) or Ethernet (6) address, or of a prefix behind its length (8, 20).

    Raises:
        ValueError: it is none of this size.
    """
    try:
        if size in (8, 20):
            network = ip_network(text, strict=True)
            length, packed = network.prefixlen, network.network_address.packed
            if size == 20 and len(packed) == 4:  # a trie of IPv6 has IPv4 as mapped addresses
                length, packed = 96 + length, MAPPED + packed
            data = length.to_bytes(4, "little") + packed
        elif size == 6:
            data = bytes.fromhex(text.replace(":", "").replace("-", ""))
        else:
            data = ip_address(text).packed
    except ValueError as exc:
        raise ValueError(f"{where}: {exc}") from None
    if len(data) != size:
        raise ValueError(f"{where}: {text!r} has {len(data)} bytes, expected {size}")
    return data


def address_text(data: bytes) -> str:
    """Return 4 or 16 bytes as an address; mapped IPv4 with its dots."""
    address = ip_address(data)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)
