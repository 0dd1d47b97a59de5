"""Options that are addresses and networks."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from eunomia.compiler import compile_source
from eunomia.errors import OptionError
from eunomia.package.model import Package
from eunomia.package.options import Option

SOURCE = """
typedef unsigned char __u8;
typedef unsigned int __u32;
struct eunomia_network { __u32 address[4]; __u8 length; __u8 family; };
struct other { __u32 address[4]; __u8 length; __u8 family; };
/// @cmdarg {"long": "deny", "short": "d", "help": "refuse these", "default": "192.0.2.0/24"}
const volatile struct eunomia_network denied[3] = {};
const volatile struct eunomia_network gateway = {{0x0100000a}, 32, 4};
const volatile struct other not_an_option = {};
__attribute__((section("tp/sched/sched_process_exit"), used)) int program(void *ctx)
{
    return denied[0].length + gateway.length + not_an_option.length;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""
FOUR, SIX = bytes((4, 0, 0)), bytes((6, 0, 0))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("networks") / "networks.bpf.c"
    path.write_text(SOURCE)
    return compile_source(path)


def option(package: Package, name: str) -> Option:
    return {each.name: each for each in package.options()}[name]


def test_a_structure_of_this_name_is_an_option(package: Package) -> None:
    assert [(each.name, each.kind, each.size, each.count) for each in package.options()] == [
        ("denied", "network", 20, 3),
        ("gateway", "network", 20, 0),
    ]
    assert option(package, "gateway").initial == "10.0.0.1/32"
    assert option(package, "denied").shown_default == "192.0.2.0/24"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("10.0.0.0/8", b"\x0a" + bytes(15) + b"\x08" + FOUR),
        ("192.0.2.1", b"\xc0\x00\x02\x01" + bytes(12) + b"\x20" + FOUR),
        ("0.0.0.0/0", bytes(16) + b"\x00" + FOUR),
        ("::/0", bytes(16) + b"\x00" + SIX),
        ("2001:db8::/32", b"\x20\x01\x0d\xb8" + bytes(12) + b"\x20" + SIX),
        ("::1", bytes(15) + b"\x01\x80" + SIX),
    ],
)
def test_text_becomes_address_length_and_family(package: Package, text: str, data: bytes) -> None:
    each = option(package, "gateway")

    assert each.encode(each.parse(text)) == data
    assert each.encode(text) == data
    assert each.decode(data) == str(ip_network(text))


def test_lists_end_with_what_is_no_network(package: Package) -> None:
    each = option(package, "denied")

    data = each.encode(each.parse("10.0.0.0/8, ::1"))
    assert (len(data), data[17], data[37], data[57]) == (60, 4, 6, 0)
    assert each.decode(data) == ["10.0.0.0/8", "::1/128"]
    assert each.encode([]) == bytes(60)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("10.1.0.0/8", r"10.1.0.0/8 has host bits set"),
        ("10.0.0.0/33", r"'10.0.0.0/33' does not appear to be an IPv4 or IPv6 network"),
        (
            "example.org",
            r"'example.org' does not appear .* \[an address, or a network like 10.0.0.0/8 or 2001:db8::/32\]",
        ),
        ("1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4", "4 values"),
        ("", "'' does not appear"),
    ],
)
def test_what_is_no_network_is_refused(package: Package, text: str, cause: str) -> None:
    each = option(package, "denied" if "," in text else "gateway")

    with pytest.raises(OptionError, match=rf"option --(deny|gateway): {cause}"):
        each.parse(text)
