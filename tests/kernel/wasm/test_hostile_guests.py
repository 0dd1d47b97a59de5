"""Guests that try to get round the policy: one guest that does with an object what its arguments say."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from eunomia.wasm import Guest, Policy
from eunomia.wasm.describe import describe
from support import wasm_writer as writer
from support.bpf_guests import compile_guest, compile_object
from support.networks import inside, ip, network
from support.sections import known_sections, only_looks

MAIN = r"""
static char bytes[1 << 20];
int main(int argc, char **argv)
{
    object obj = open_object(bytes, (int)fread(bytes, 1, sizeof(bytes), stdin), "probe");
    for (char **at = argv + 1; *at; at++) {
        char *a = at[1], *b = a ? at[2] : 0, *c = b ? at[3] : 0;
        if (!strcmp(*at, "load"))
            SHOW(load_object(obj));
        else if (!strcmp(*at, "on"))
            SHOW(program_set(obj, a, 1, 1)), at += 1;
        else if (!strcmp(*at, "attach"))
            SHOW(link_attach(obj, a, b)), at += 2;
        else if (!strcmp(*at, "map"))
            SHOW(map_set(obj, a, atoi(b), atoll(c))), at += 3;
        else if (!strcmp(*at, "update")) {
            int key = 0, fd = map_fd(obj, a);
            SHOW(operate(fd, UPDATE, &key, bytes, 0, 0)), at += 1;
        }
    }
    return 0;
}
"""
TABLE = """
int sockets;
SEC("?struct_ops") void BPF_PROG(begin, struct sock *sk) { sockets++; }
SEC("?struct_ops") __u32 BPF_PROG(threshold, struct sock *sk) { return 2; }
SEC("?struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {}
SEC("?struct_ops") __u32 BPF_PROG(undo, struct sock *sk) { return 10; }
SEC(".struct_ops") struct tcp_congestion_ops ours = {
    .init = (void *)begin, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo,
    .name = "eunomia_wasm",
};
"""
KILLER = 'SEC("tp/syscalls/sys_enter_getpgid") int killer(void *ctx) { return bpf_send_signal(9); }'
PINNED = """
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 40000000); __type(key, u32); __type(value, u64);
         __uint(pinning, LIBBPF_PIN_BY_NAME); __uint(map_flags, BPF_F_MMAPABLE); } eunomia_hostile SEC(".maps");
SEC("tp/syscalls/sys_enter_getpgid") int look(void *ctx) { return 0; }
"""
DESTROYER = """
extern int bpf_sock_destroy(struct sock_common *sock) __ksym __weak;
SEC("iter/tcp") int drop(struct bpf_iter__tcp *ctx) {
    return ctx->sk_common ? bpf_sock_destroy(ctx->sk_common) & 0 : 0;
}
"""
HEAP = """
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1 << 28); __type(key, u32); __type(value, u64); };
struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 1); __type(key, u32);
         __array(values, struct inner); } outer SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } out SEC(".maps");
SEC("tp/syscalls/sys_enter_getpgid") int look(void *ctx) { return 0; }
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    return Guest.open(compile_guest(tmp_path_factory.mktemp("hostile"), MAIN, b"\0", "hostile", ("-s",)))


def play(guest: Guest, elf: bytes, *words: str, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> list[str]:
    """Return what the guest printed, and then what was refused or failed."""
    with guest.run(words, stdin=elf, policy=Policy(allow, deny)) as run:
        run.check()
        return [*run.stdout.splitlines(), *run.failures]


def test_programs_of_every_section_are_refused_unless_they_only_look(guest: Guest, tmp_path: Path) -> None:
    sections = known_sections()
    source = "".join(
        f'SEC("?{section}{"/x" if section.startswith("iter") else ""}") int p{number}(void *ctx) {{ return 0; }}\n'
        for number, section in enumerate(sections)
    )
    elf = compile_object(tmp_path, source)

    wrong = []
    for number, (section, types) in enumerate(sections.items()):
        said = play(guest, elf, "on", f"p{number}", "load")
        refused = [line for line in said if line.startswith(f"refused: program p{number}: programs of type ")]
        if bool(refused) == only_looks(*types) or (refused and "load_object(obj) = -1" not in said):
            wrong.append((section, said))
    assert wrong == []


def test_programs_that_only_a_table_switches_on_are_looked_at(guest: Guest, tmp_path: Path) -> None:
    elf = compile_object(tmp_path, TABLE)

    load, refused = play(guest, elf, "load")
    assert load == "load_object(obj) = -1"
    assert refused.startswith("refused: program begin: programs of type struct_ops change or block")
    assert refused.endswith("[Policy(allow=['prog-type=struct_ops'])]")


def test_a_table_is_not_registered_by_writing_it_as_a_map(guest: Guest, tmp_path: Path) -> None:
    elf = compile_object(tmp_path, TABLE)

    said = play(guest, elf, "load", "update", "ours", allow=("prog-type=struct_ops",))
    assert said == ["load_object(obj) = 0", "operate(fd, UPDATE, &key, bytes, 0, 0) = -95"]


def test_an_elf_file_that_hides_its_sections_is_refused(guest: Guest, tmp_path: Path) -> None:
    elf = bytearray(compile_object(tmp_path, KILLER))
    plain = play(guest, bytes(elf), "load")
    start, count, names = (
        struct.unpack_from("<Q", elf, 40)[0], struct.unpack_from("<H", elf, 60)[0], struct.unpack_from("<H", elf, 62)[0]
    )  # fmt: skip
    struct.pack_into("<H", elf, 60, 0)  # e_shnum 0: the number is the size of section 0
    struct.pack_into("<Q", elf, start + 32, count)
    hidden = play(guest, bytes(elf), "load")

    assert names < count
    assert (plain[0], hidden[0]) == ("load_object(obj) = -1", "load_object(obj) = -22")
    assert "it calls bpf_send_signal(), which changes what it observes" in plain[1]
    assert hidden[1].startswith("open object probe: "), hidden


def test_a_package_of_2022_is_looked_at_like_an_object(tmp_path: Path) -> None:
    from kernel.wasm.test_guest_of_2022 import make

    wasm = make(tmp_path, 16, KILLER.replace("int killer(void *ctx) {", "int killer(void *ctx) { if (!ctx)"))
    with Guest(wasm, "old.wasm").run() as run:
        assert run.wait(30) == 1
        (line,) = run.failures
        assert line == (
            "refused: it calls bpf_send_signal(), which changes what it observes: not allowed by default"
            " [Policy(allow=['helper=send_signal'])]"
        )


def test_memory_that_is_not_in_the_maps_themselves_counts(guest: Guest, tmp_path: Path) -> None:
    elf = compile_object(tmp_path, HEAP)

    assert play(guest, elf, "load") == [
        "load_object(obj) = -1", "refused: its maps have 3G, at most 256M may be [Policy(allow=['map-size=3G'])]"
    ]  # fmt: skip
    words = ["map", "outer", "7", "0", "map", "out", "2"]
    assert play(guest, elf, *words, str(1 << 20))[1].endswith(" = -22")  # more pages than any guest may have
    pages = play(guest, elf, *words, "4096", "load", allow=("map-size=8M",))
    assert pages[2] == "load_object(obj) = -1"
    assert pages[3].startswith("refused: its maps have ")
    assert play(guest, elf, "map", "outer", "7", "0", "load")[1:] == ["load_object(obj) = 0"]


def test_an_interface_by_another_of_its_names_is_the_same(guest: Guest, tmp_path: Path) -> None:
    elf = compile_object(tmp_path, 'SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }')

    with network() as name, inside(name):
        ip("-n", name, "link", "property", "add", "dev", "v0", "altname", "uplink")
        number = ip("-n", name, "-o", "link", "show", "v0").split(":")[0]
        for other in ("v0", "uplink", number, "iface:uplink", f"iface:{number}", r"iface:v\0", "iface:v0,generic"):
            denied = play(guest, elf, "load", "attach", "pass", other, allow=("all",), deny=("iface=v0",))
            assert denied[1] == "link_attach(obj, a, b) = -1", other
            assert denied[2].endswith(": deny denies it"), other
            for rule in ("iface=v0", "iface=uplink"):
                allowed = play(guest, elf, "load", "attach", "pass", other, allow=(rule,))
                assert allowed == ["load_object(obj) = 0", "link_attach(obj, a, b) = 1"], (other, rule)
        assert play(guest, elf, "load", "attach", "pass", "v1", allow=("iface=v0",))[1] == "link_attach(obj, a, b) = -1"
        assert play(guest, elf, "load", "attach", "pass", "uplink", allow=("iface=up*",))[1] == (
            "link_attach(obj, a, b) = -1"  # a pattern is for first names
        )


def test_a_section_that_nobody_knows_is_told_as_that(guest: Guest, tmp_path: Path) -> None:
    said = play(guest, compile_object(tmp_path, 'SEC("mystery") int p(void *ctx) { return 0; }'), "load")

    assert said[0] == "load_object(obj) = -22"
    assert "mystery" in said[1]


def test_what_inspect_says_is_what_has_to_be_allowed(guest: Guest, tmp_path: Path) -> None:
    sections = known_sections()
    programs = "".join(
        f'SEC("?{section}{"/x" if section.startswith("iter") else ""}") int p{number}(void *ctx) {{ return 0; }}\n'
        for number, section in enumerate(sections)
    )
    sources = [
        (programs, [["on", f"p{number}", "load"] for number in range(len(sections))]),
        (TABLE, [["load"]]),
        (KILLER, [["load"]]),
        (PINNED, [["load"]]),
        (DESTROYER, [["load"]]),
    ]  # fmt: skip

    for source, ways in sources:
        elf = compile_object(tmp_path, source)
        options = describe(writer.module(data=[(1024, elf)], pages=20), "g.wasm")["policy"]
        rules = tuple(each.removeprefix("--allow ") for each in options)
        assert rules, source
        for way in ways:
            refused = [line for line in play(guest, elf, *way, allow=rules) if line.startswith("refused")]
            assert refused == [], way
        for left_out in rules if len(ways) == 1 else ():
            less = tuple(rule for rule in rules if rule != left_out)
            said = play(guest, elf, "load", allow=less)
            assert any(
                line.startswith("refused: ") and line.endswith(f"[Policy(allow=[{left_out!r}])]") for line in said
            ), said
        Path("/sys/fs/bpf/eunomia_hostile").unlink(missing_ok=True)
