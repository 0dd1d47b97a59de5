"""One guest with several objects; several modules in one run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from eunomia.errors import GuestError
from eunomia.wasm import Guest, Policy
from support.bpf_guests import compile_guest, compile_object
from support.commands import Command

OBJECT = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } NAME SEC(".maps");
SEC("socket") int emit(struct __sk_buff *skb)
{
    unsigned number = FIRST + skb->len % 2;
    bpf_ringbuf_output(&NAME, &number, sizeof(number), 0);
    return 0;
}
"""

TWO_OBJECTS = """
static const unsigned char other[] = {
#embed "other.o"
};
static int show(void *context, void *data, int size) {
    unsigned number;
    memcpy(&number, data, sizeof(number));
    printf("%s %u %d\\n", (char *)context, number, size);
    return 0;
}
int main(void) {
    unsigned char packet[64] = {0}, out[64], result[8];
    char record[64];
    object a = load(elf, sizeof(elf)), b = load(other, sizeof(other));
    int fds[] = {map_fd(a, "first"), map_fd(b, "second")};
    printf("%d %d %d\\n", a && b && a != b, fds[0] != fds[1], map_fd(a, "second"));
    test_run(b, "emit", packet, 63, out, 64, 1, (void *)result);
    printf("ready %d\\n", buffers_wait(fds, 2, 1000));
    for (int i = 0; i < 3; i++)
        test_run(a, "emit", packet, 60 + i, out, 64, 1, (void *)result);
    printf("%d ", poll_buffer(a, fds[0], show, "a", record, 64, 1000));
    printf("%d ", poll_buffer(b, fds[1], show, "b", record, 64, 1000));
    printf("%d\\n", poll_buffer(a, fds[1], show, "a", record, 64, 0) < 0);
    close_object(a);
    test_run(b, "emit", packet, 62, out, 64, 1, (void *)result);
    printf("%d\\n", poll_buffer(b, fds[1], show, "b", record, 64, 1000));
    return 0;
}
"""

CALLER = """
#define STATS(name) __attribute__((import_module("stats"), import_name(#name)))
STATS(room) unsigned stats_room(void);
STATS(add) unsigned stats_add(unsigned size);
STATS(fetch) unsigned stats_fetch(unsigned *at);
STATS(report) void stats_report(void);
HOST(wasm_bpf_module_copy) int module_copy(const char *module, unsigned at, const void *from, unsigned size, int to);
static int hand_over(void *context, void *data, int size) {
    if (module_copy("stats", stats_room(), data, size, 1))
        return -1;
    return stats_add(size) > 2 ? -1 : 0;
}
int main(void) {
    unsigned char packet[64] = {0}, out[64], result[8];
    char record[64];
    unsigned secret = 4711;
    object a = load(elf, sizeof(elf));
    for (int i = 0; i < 5; i++)
        test_run(a, "emit", packet, 60 + i, out, 64, 1, (void *)result);
    printf("c: %d\\n", poll_buffer(a, map_fd(a, "first"), hand_over, NULL, record, 64, 1000));
    printf("c: %u\\n", stats_fetch(&secret));
    printf("c: %d %d %d %s\\n", module_copy("stats", 0xfffffff0, packet, 64, 1),
           module_copy("stats", 0, packet, 0x7fffffff, 1), module_copy("nobody", 0, packet, 1, 1), last_error());
    stats_report();
    return 0;
}
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_object(tmp_path_factory.mktemp("first"), OBJECT.replace("NAME", "first").replace("FIRST", "10"))


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a module in Rust that counts."""
    if not Path("/usr/bin/rustc").exists():
        pytest.skip("needs rustc with wasm32-wasi (apt-get install rustc libstd-rust-dev-wasm32 lld)")
    folder = tmp_path_factory.mktemp("stats")
    source = Path(__file__).parent / "guests/stats.rs"
    command = ["/usr/bin/rustc", "--target", "wasm32-wasi", "--crate-type", "cdylib", "-O", "-o", "stats.wasm"]
    subprocess.run([*command, str(source)], check=True, cwd=folder)
    return folder / "stats.wasm"


def test_guest_reads_the_rings_of_two_objects(tmp_path: Path, first: bytes) -> None:
    other = compile_object(tmp_path, OBJECT.replace("NAME", "second").replace("FIRST", "20"))
    (tmp_path / "guest.d").mkdir()
    (tmp_path / "guest.d/other.o").write_bytes(other)
    guest = Guest.open(str(compile_guest(tmp_path, TWO_OBJECTS, first)))

    with guest.run(policy=Policy(["all"])) as run:
        run.check()
        lines = run.stdout.splitlines()

    assert lines[:2] == ["1 1 -2", "ready 1"]
    assert lines[2:] == ["a 10 4", "a 11 4", "a 10 4", "3 b 21 4", "1 1", "b 20 4", "1"]


def test_guest_in_c_calls_one_in_rust_and_each_has_its_memory(tmp_path: Path, first: bytes, stats: Path) -> None:
    guest = Guest.open(str(compile_guest(tmp_path, CALLER, first)))
    guest.link("stats", str(stats))

    with guest.run(policy=Policy(["all"])) as run:
        run.check()
        lines = run.stdout.splitlines()

    efault, enoent = -14, -2
    assert lines == [
        "c: 5",
        "c: 4711",
        f"c: {efault} {efault} {enoent} module nobody: no module with this name and a memory",
        "rust: 10 12",
        "rust: 11 8",
        "rust: ring buffers 1",
    ]


def test_command_line_links_modules(tmp_path: Path, first: bytes, stats: Path, ecli: Command) -> None:
    wasm = compile_guest(tmp_path, CALLER, first)

    done = ecli("run", "--allow", "all", "--link", f"stats={stats}", str(wasm))

    assert (done.returncode, done.stderr) == (0, "")
    assert "rust: 10 12" in done.stdout


def test_module_that_is_not_linked_is_named_with_its_functions(tmp_path: Path, first: bytes) -> None:
    guest = Guest.open(str(compile_guest(tmp_path, CALLER, first)))

    with pytest.raises(GuestError) as failure:
        guest.run(policy=Policy(["all"]))

    assert "stats.room () -> i32" in str(failure.value)
    assert str(failure.value).endswith(" [Guest.register() or Guest.link() offers it]")


def test_link_without_a_module_is_wrong_usage(tmp_path: Path, ecli: Command) -> None:
    (tmp_path / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")

    done = ecli("run", "--link", "stats", str(tmp_path / "empty.wasm"))

    assert (done.returncode, done.stderr) == (2, "ecli: --link: 'stats' is not NAME=MODULE\n")
