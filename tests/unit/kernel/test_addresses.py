"""Addresses and prefixes as people write them."""

from __future__ import annotations

import pytest

from eunomia.kernel.addresses import address_of, address_text

MAPPED = bytes(10) + b"\xff\xff"


def test_mapped_addresses_are_shown_with_dots() -> None:
    assert address_text(MAPPED + bytes([192, 0, 2, 0])) == "::ffff:192.0.2.0"
    assert address_text(bytes(15) + b"\1") == "::1"
    assert address_text(bytes([10, 0, 0, 1])) == "10.0.0.1"


def test_a_trie_of_ipv6_takes_networks_of_ipv4() -> None:
    assert address_of("192.0.2.0/24", 20, "key") == (120).to_bytes(4, "little") + MAPPED + bytes([192, 0, 2, 0])
    assert address_of("::ffff:192.0.2.0/120", 20, "key") == address_of("192.0.2.0/24", 20, "key")


def test_a_trie_of_ipv4_takes_none_of_ipv6() -> None:
    with pytest.raises(ValueError, match="has 20 bytes, expected 8"):
        address_of("2001:db8::/32", 8, "key")
