"""Conditions on addresses: networks as bits of bytes, in network order as they lie in the record."""

from __future__ import annotations

from eunomia.events.filter.code import FALSE, Condition, both, either, negate
from eunomia.events.filter.numbers import masked_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.events.filter.fields import Place

_MAPPED = bytes(10) + b"\xff\xff"


def network(place: Place, address: bytes, bits: int, *, is_either: bool) -> Condition:
    """Return the condition that an address lies in a network.

    Args:
        place: of 4 or 16 bytes.
        address: 4 or 16 bytes; an IPv4-mapped one is IPv4.
        is_either: 16 bytes that also hold IPv4 as 4 bytes and zeroes, as tools leave it in a union.
    """
    if len(address) == 16 and address[:12] == _MAPPED and bits >= 96:
        address, bits = address[12:], bits - 96
    mask = _mask(bits, len(address))
    if len(address) == 16:
        if place.size == 4:
            return FALSE
        inside = masked_bytes(place, 0, mask, address)
        return both(inside, negate(_is_ip4(place))) if is_either else inside
    if place.size == 4:
        return masked_bytes(place, 0, mask, address)
    mapped = both(masked_bytes(place, 0, b"\xff" * 12, _MAPPED), masked_bytes(place, 12, mask, address))
    if not is_either:
        return mapped
    # all zeroes are both :: and 0.0.0.0
    return either(mapped, both(masked_bytes(place, 4, b"\xff" * 12, bytes(12)), masked_bytes(place, 0, mask, address)))


def _is_ip4(place: Place) -> Condition:
    """4 bytes and zeroes, but not all of them zero."""
    rest = masked_bytes(place, 4, b"\xff" * 12, bytes(12))
    return both(rest, negate(masked_bytes(place, 0, b"\xff" * 4, bytes(4))))


def _mask(bits: int, size: int) -> bytes:
    return (((1 << bits) - 1) << size * 8 - bits).to_bytes(size, "big")
