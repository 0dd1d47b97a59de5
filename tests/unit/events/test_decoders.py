"""Each decoder: what it makes of a value in text and in JSON, and what it leaves alone."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import sys
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import ENUM, INT, STRING, STRUCT, UINT, Member, PlanWriter, Type, array, chars, render, s, struct, u

from eunomia._native import lib, text
from eunomia.btf.decoders import DECODERS, NAMES

ROOT = Path(__file__).resolve().parents[3]
PCI_IDS = """# made for this test
8086  Intel Corporation
\t10d3  82574L Gigabit Network Connection
\t\t1028 0001  a subsystem
8087  Other
\tabcd  of the other
C 01  Mass storage controller
\t06  SATA controller
\t08  Non-Volatile memory controller
"""


def show(decoder: str, kind: Type, data: bytes, form: str = "text", **options: Any) -> str:
    plan = PlanWriter().source(struct("event", ("v", kind), decoders={"v": DECODERS[decoder]})).to_bytes()
    line = render(plan, data, form, **options).decode()
    return line[5:-1] if form == "json" else line


def number(kind: Type, value: int) -> bytes:
    return (value & (1 << 8 * kind.size) - 1).to_bytes(kind.size, "little")


@pytest.mark.parametrize(
    ("decoder", "kind", "value", "shown"),
    [
        ("hex", u(4), 0xBEEF, "0xbeef"),
        ("hex", s(4), -1, "0xffffffff"),
        ("hex", u(8), 0, "0x0"),
        ("signal", s(4), 9, "SIGKILL"),
        ("signal", s(4), 34, "SIGRTMIN"),
        ("signal", s(4), 40, "SIGRTMIN+6"),
        ("errno", s(4), -2, "ENOENT"),
        ("errno", s(8), -512, "ERESTARTSYS"),
        ("errno", u(4), 0xFFFFFFFF, "EPERM"),
        ("errno", u(4), 13, "EACCES"),
        ("errno", s(4), -41, "-41"),
        ("mode", u(2), 0o100644, "0100644"),
        ("permissions", u(2), 0o100644, "-rw-r--r--"),
        ("permissions", u(4), 0o41777, "drwxrwxrwt"),
        ("permissions", u(4), 0o104711, "-rws--x--x"),
        ("permissions", u(4), 0o102640, "-rw-r-S---"),
        ("open_flags", s(4), 0, "O_RDONLY"),
        ("open_flags", s(4), 0o1101, "O_WRONLY|O_CREAT|O_TRUNC"),
        ("open_flags", s(4), 0o2000000, "O_RDONLY|O_CLOEXEC"),
        ("open_flags", s(4), 0o4010002, "O_RDWR|O_SYNC"),
        ("open_flags", s(4), 1 << 30, "O_RDONLY|0x40000000"),
        ("clone_flags", u(8), 0x10F00, "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD"),
        ("clone_flags", u(8), 0x01200011, "SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID"),
        ("mmap_prot", u(4), 5, "PROT_READ|PROT_EXEC"),
        ("mmap_prot", u(4), 0, "PROT_NONE"),
        ("mmap_flags", u(4), 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"),
        ("mount_flags", u(8), 4096 | 16384, "MS_BIND|MS_REC"),
        ("task_state", s(8), 0, "R"),
        ("task_state", s(8), 2, "D"),
        ("task_state", s(8), 0x402, "I"),
        ("task_state", s(8), 0x101, "S"),
        ("tcp_flags", u(1), 0x12, "SYN|ACK"),
        ("poll_events", u(4), 1 | 1 << 31, "POLLIN|EPOLLET"),
        ("device", u(4), 8 << 20 | 1, "8:1"),
        ("exit_status", s(4), 0x100, "exit 1"),
        ("exit_status", s(4), 9, "SIGKILL"),
        ("exit_status", s(4), 0x8B, "SIGSEGV (core)"),
        ("tcp_state", u(4), 1, "ESTABLISHED"),
        ("address_family", u(2), 10, "AF_INET6"),
        ("softirq", u(4), 3, "net_rx"),
        ("ip_protocol", u(1), 17, "UDP"),
        ("socket_type", s(4), 0o2004001, "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK"),
        ("socket_type", s(4), 99, "99"),
        ("ether_type", u(2), 0x0800, "IPv4"),
        ("ether_type", u(2), 0xDD86, "IPv6"),
        ("capability", s(4), 21, "CAP_SYS_ADMIN"),
        ("capability", s(4), 41, "41"),
        ("capability", s(4), -1, "-1"),
        ("bpf_prog_type", u(4), 6, "xdp"),
        ("bpf_map_type", u(4), 27, "ringbuf"),
        ("sched_policy", u(4), 1, "SCHED_FIFO"),
        ("block_op", u(4), 0x1001, "WRITE"),
        ("namespace", u(4), 0xEFFFFFFC, "init_pid"),
        ("namespace", u(4), 4026532301, "4026532301"),
        ("unix_s", s(8), 1_700_000_000, "2023-11-14T22:13:20Z"),
        ("user", u(4), 0, "root"),
        ("group", u(4), 0, "root"),
        ("user", u(4), 0xFFFFFFF0, "4294967280"),
        ("ifname", u(4), 1, "lo"),
        ("ifname", u(4), 0xFFFFFFF, "268435455"),
        ("irq", u(4), 0xFFFFFF, "16777215"),
        ("disk", u(4), 4095 << 20 | 77, "4095:77"),
        ("majorminor", u(4), 4095 << 8 | 77, "4095:77"),
        ("cgroup", u(8), 0xFFFFFFFFFF, "1099511627775"),
        ("container", u(8), 0xFFFFFFFFFF, "1099511627775"),
        ("ksym", u(8), 1, "1"),
    ],
)  # fmt: skip
def test_numbers_become_words(decoder: str, kind: Type, value: int, shown: str) -> None:
    data = number(kind, value)

    assert show(decoder, kind, data) == shown
    as_json = show(decoder, kind, data, "json")
    assert as_json == (shown if re.fullmatch("-?[0-9]+", shown) and shown == str(value) else json.dumps(shown))
    assert show(decoder, kind, data, raw_values=1) == str(value)
    assert show(decoder, kind, data, "json", compat=1) == str(value)


@pytest.mark.parametrize(
    ("decoder", "kind", "value", "in_text"),
    [
        ("port", u(2), 0x5000, "80"),
        ("duration_ns", u(8), 1_234_567, "1.235ms"),
        ("duration_ns", u(8), 999, "999ns"),
        ("duration_us", u(4), 12_345_678, "12.35s"),
        ("duration_ms", u(4), 250, "250.0ms"),
        ("duration_s", u(8), 90, "90.00s"),
        ("duration_ns", s(8), -5, "-5"),
        ("size", u(8), 512, "512B"),
        ("size", u(8), 1536, "1.50KiB"),
        ("size", s(8), -(10 << 20), "-10.0MiB"),
        ("size", u(8), 3 << 60, "3.00EiB"),
        ("pages", u(4), 1 << 20, f"{os.sysconf('SC_PAGESIZE') >> 10}.00GiB"),
        ("percent", s(4), -3, "-3%"),
        ("uint", s(4), -1, "4294967295"),
    ],
)
def test_quantities_stay_numbers_in_json(decoder: str, kind: Type, value: int, in_text: str) -> None:
    data = number(kind, value)
    meaning = {"port": 80, "uint": 4294967295}.get(decoder, value)

    assert show(decoder, kind, data) == in_text
    assert json.loads(show(decoder, kind, data, "json")) == meaning


@pytest.mark.parametrize(
    ("decoder", "kind", "data", "shown"),
    [
        ("ip4", u(4), bytes([192, 0, 2, 1]), "192.0.2.1"),
        ("ip4", array(u(1), 4), bytes([255, 255, 255, 255]), "255.255.255.255"),
        ("ip6", array(u(1), 16), bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
        ("ip6", array(u(4), 4), bytes(15) + b"\1", "::1"),
        ("ip6", Type(UINT, 16), bytes(15) + b"\1", "::1"),
        ("ip", array(u(1), 16), bytes(10) + b"\xff\xff\xc0\0\2\7", "192.0.2.7"),
        ("ip", array(u(1), 16), b"\xc0\0\2\7" + bytes(12), "192.0.2.7"),
        ("ip", array(u(1), 16), bytes(16), "::"),
        ("ip", u(4), bytes(4), "0.0.0.0"),
        ("mac", array(u(1), 6), bytes.fromhex("0200c0ffee01"), "02:00:c0:ff:ee:01"),
        ("bytes", array(u(1), 3), b"\0\x1b\xff", "001bff"),
        ("uuid", array(u(1), 16), bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ("dname", array(u(1), 20), b"\3www\7example\3org\0zzz", "www.example.org"),
        ("dname", array(u(1), 4), b"\0abc", "."),
        ("dname", array(u(1), 8), b"\2a.\3\x1b[m\0", "a\\..\\027[m"),
        ("dname", array(u(1), 8), b"\3abc\xc0\x0c\0\0", "abc"),
        ("string", array(u(1), 8), b"text\0zzz", "text"),
        ("string", array(u(1), 4), b"\x1b[2J", "\\x1b[2J"),
        ("kstack", array(u(8), 3), pack("<3Q", 1, 2, 0), "0x1;0x2"),
    ],
)
def test_bytes_become_words(decoder: str, kind: Type, data: bytes, shown: str) -> None:
    wanted = "\x1b[2J" if data == b"\x1b[2J" else shown

    assert show(decoder, kind, data) == shown
    assert json.loads(show(decoder, kind, data, "json")) == wanted


@pytest.mark.parametrize(
    ("decoder", "kind", "data", "shown"),
    [
        ("ip4", u(8), bytes(8), "0"),
        ("mac", array(u(1), 5), bytes(5), "[0,0,0,0,0]"),
        ("uuid", u(8), bytes(8), "0"),
        ("dname", array(u(1), 3), b"\x40ab", "[64,97,98]"),
        ("signal", chars(4), b"9\0\0\0", "9"),
        ("hex", Type(UINT, 16), bytes(16), "0"),
        ("kstack", array(u(1), 3), bytes(3), "[0,0,0]"),
        ("static_map", u(4), bytes(4), "0"),
    ],
)
def test_what_a_decoder_does_not_apply_to_is_shown_by_its_type(
    decoder: str, kind: Type, data: bytes, shown: str
) -> None:
    assert show(decoder, kind, data) == shown


def test_elements_of_an_array_are_decoded_each() -> None:
    assert show("signal", array(s(4), 2), pack("<2i", 9, 15), "json") == '["SIGKILL","SIGTERM"]'
    assert show("ip4", array(u(4), 2), bytes([10, 0, 0, 1, 10, 0, 0, 2]), "json") == '["10.0.0.1","10.0.0.2"]'


def test_the_family_says_which_address_a_union_holds() -> None:
    either = array(u(1), 16)
    fields = (("family", u(2)), ("saddr", either))
    plan = PlanWriter().source(struct("event", *fields, decoders={"saddr": DECODERS["ip"]})).to_bytes()
    net = bytes.fromhex("20010db8") + bytes(12)
    four = bytes([10, 0, 0, 1]) + b"left over..."

    shown = [render(plan, pack("<H", family) + data, "csv") for family, data in ((10, net), (2, four), (0, net))]

    assert shown == [b"10,2001:db8::", b"2,10.0.0.1", b"0,32.1.13.184"]


@given(
    st.binary(min_size=16, max_size=16)
    | st.lists(st.sampled_from([b"\0\0", b"\0\1", b"\xab\xcd"]), min_size=8, max_size=8)
)
def test_ipv6_addresses_are_as_in_rfc_5952(parts: Any) -> None:
    address = b"".join(parts) if isinstance(parts, list) else parts
    shown = show("ip6", array(u(1), 16), address)

    assert shown == str(ipaddress.IPv6Address(address)) or address.startswith(bytes(10) + b"\xff\xff")
    assert ipaddress.IPv6Address(shown).packed == address


def test_flags_of_which_none_is_set_are_a_word_like_others() -> None:
    assert (show("mount_flags", u(8), bytes(8)), show("mount_flags", u(8), bytes(8), "json")) == ("0", '"0"')


def test_bit_fields_are_decoded_too() -> None:
    kind = Type(STRUCT, 4, members=[Member("state", u(4), 3, 4, DECODERS["tcp_state"]), Member("n", u(4), 0, 3)])
    plan = PlanWriter().source(kind).to_bytes()

    assert render(plan, number(u(4), 10 << 3 | 5)) == b'{"state":"LISTEN","n":5}'
    assert render(plan, number(u(4), 10 << 3 | 5), fields="state", form="csv") == b"LISTEN"
    assert render(plan, number(u(4), 10 << 3 | 5), raw_values=1) == b'{"state":10,"n":5}'


def test_a_static_map_is_an_enum_that_raw_values_turn_off() -> None:
    kind = Type(ENUM, 4, True, values=[(1, "read"), (-1, "all, of them")])
    writer = PlanWriter()
    plan = writer.source(struct("event", ("v", kind), decoders={"v": DECODERS["static_map"]}))
    writer.types[0] = writer.types[0][:1] + bytes([1 | 2]) + writer.types[0][2:]

    shown = [render(plan.to_bytes(), number(s(4), value)) for value in (1, -1, 7)]

    assert shown == [b'{"v":"read"}', b'{"v":"all, of them"}', b'{"v":7}']
    assert render(plan.to_bytes(), number(s(4), -1), "csv") == b'"all, of them"'
    assert render(plan.to_bytes(), number(s(4), -1), raw_values=1) == b'{"v":-1}'
    assert render(plan.to_bytes(), number(s(4), 1), compat=1) == b'{"v":1}'


def test_names_of_pci_come_from_pci_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pci.ids").write_text(PCI_IDS)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from test_decoders import show, u, number\n"
        "for name, size, value in [('pci_class', 1, 1), ('pci_class', 1, 0x55), ('pci_subclass', 2, 0x108),\n"
        "  ('pci_subclass', 2, 0x144), ('pci_vendor', 2, 0x8086), ('pci_device', 4, 0x808610d3),\n"
        "  ('pci_device', 4, 0x8086abcd)]:\n"
        "    print(show(name, u(size), number(u(size), value)))\n"
    )
    monkeypatch.setenv("EUNOMIA_PCI_IDS", str(tmp_path / "pci.ids"))
    here = str(Path(__file__).parent)

    shown = os.popen(f"{sys.executable} -c '{code.replace(chr(39), chr(34))}' {here}").read()

    assert shown.splitlines() == [
        "Mass storage controller",
        "0x55",
        "Non-Volatile memory controller",
        "0x0144",
        "Intel Corporation",
        "82574L Gigabit Network Connection",
        "0x8086abcd",
    ]


def test_a_disk_has_its_name() -> None:
    found = sorted(os.listdir("/sys/dev/block")) if Path("/sys/dev/block").exists() else []
    if not found:
        pytest.skip("this machine has no block devices")
    major, minor = map(int, found[0].split(":"))
    name = os.path.basename(os.readlink(f"/sys/dev/block/{found[0]}"))

    assert show("disk", u(4), number(u(4), major << 20 | minor)) == name
    encoded = (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12
    assert show("majorminor", u(4), number(u(4), encoded)) == name


def test_a_cgroup_has_its_path() -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    point = next((row[1] for row in mounts if row[2] == "cgroup2"), None)
    if point is None:
        pytest.skip("no cgroup2 file system is mounted")
    inside = next((entry for entry in os.scandir(point) if entry.is_dir()), None)

    assert show("cgroup", u(8), pack("<Q", os.stat(point).st_ino)) == "/"
    assert show("container", u(8), pack("<Q", os.stat(point).st_ino)) == "-"
    assert show("container", u(8), pack("<Q", os.stat(point).st_ino), "json") == '""'
    if inside:
        assert show("cgroup", u(8), pack("<Q", inside.inode())) == f"/{inside.name}"


def test_times_of_the_kernels_clocks_are_wall_clock() -> None:
    import time

    for name, clock in (("ktime_ns", time.CLOCK_MONOTONIC), ("boottime_ns", time.CLOCK_BOOTTIME),
                        ("realtime_ns", time.CLOCK_REALTIME)):  # fmt: skip
        before = time.time()
        shown = json.loads(show(name, u(8), pack("<Q", time.clock_gettime_ns(clock)), "json"))
        seconds = time.mktime(time.strptime(shown[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(shown[19:26])
        assert abs(seconds - before) < 2
    assert show("ktime_ns", u(8), bytes(8)) == "0"


@given(st.lists(st.integers(1, 253402300799), min_size=1, max_size=5))
def test_dates_of_any_second_are_right(moments: list[int]) -> None:
    for moment in (each for start in moments for each in (start, start + 1, start + 60, start)):
        if moment <= 253402300799:
            wanted = (datetime(1970, 1, 1) + timedelta(seconds=moment)).isoformat() + "Z"
            assert show("unix_s", s(8), pack("<q", moment)) == wanted


@given(st.integers(0, 2**64 - 1), st.sampled_from(["ns", "us", "ms", "s"]))
def test_durations_are_right_to_their_last_digit(value: int, unit: str) -> None:
    shown = show(f"duration_{unit}", u(8), pack("<Q", value))
    in_ns = value * {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}[unit]
    if value >= 1 << 63:
        assert shown == str(value)
        return

    number, told = re.fullmatch(r"([0-9.]+)(ns|us|ms|s)", shown).groups()  # type: ignore[union-attr]

    scale = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}[told]
    last = Fraction(scale, 10 ** len(number.partition(".")[2]))
    assert abs(Fraction(number) * scale - in_ns) <= last / 2


@given(st.integers(0, 2**64 - 1))
def test_sizes_are_right_to_their_last_digit(value: int) -> None:
    number, told = re.fullmatch(r"([0-9.]+)([KMGTPE]?i?B)", show("size", u(8), pack("<Q", value))).groups()  # type: ignore[union-attr]

    scale = 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(told)
    last = Fraction(scale, 10 ** len(number.partition(".")[2]))
    assert abs(Fraction(number) * scale - value) <= last / 2


def test_hostile_bytes_never_reach_a_terminal() -> None:
    assert show("string", Type(STRING, 8), b"\x1b]0;x\x07a") == "\\x1b]0;x\\x07a"
    assert show("dname", array(u(1), 4), b"\2\x1b\x9b\0") == "\\027\\155"


def test_python_and_c_have_the_same_registry() -> None:
    found = [text(lib.eu_decoder_name(number)) if number else "as_is" for number in range(len(NAMES))]

    assert found == list(NAMES)
    assert not lib.eu_decoder_name(len(NAMES))
    assert not lib.eu_decoder_name(-1)


def test_every_decoder_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/decoders.md").read_text()
    rows = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    plan = (ROOT / "docs/reference/plan.md").read_text()

    assert sorted(rows) == sorted(set(DECODERS) - {"as_is"})
    for number, name in enumerate(NAMES[1:], 1):
        assert re.search(rf"\b{number} {name}\b", plan), f"{number} {name}"


def test_kinds_are_those_of_the_plan() -> None:
    assert (UINT, INT) == (1, 2)


def test_csv_has_quantities_and_times_as_json_has_them() -> None:
    assert show("duration_us", u(4), pack("<I", 1904), "csv") == "1904"
    assert show("size", u(8), pack("<Q", 1 << 20), "csv") == "1048576"
    assert show("unix_s", u(8), pack("<Q", 1), "csv") == "1970-01-01T00:00:01Z"
    assert show("errno", s(4), pack("<i", -2), "csv") == "ENOENT"
