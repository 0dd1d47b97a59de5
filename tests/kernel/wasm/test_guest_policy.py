"""The policy against guests that try to get around it: types that change after opening, pins, tokens, numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.btf.elf import ElfFile
from eunomia.package.calls import calls_of
from eunomia.wasm import Guest, Policy
from support.bpf_guests import compile_guest, compile_object

OBJECT = """
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u32);
         __uint(pinning, LIBBPF_PIN_BY_NAME); } eunomia_test_pin SEC(".maps");
SEC("tp/syscalls/sys_enter_getpgid") int watch(void *ctx) { return 0; }
SEC("tp/syscalls/sys_exit_getpgid") int other(void *ctx) { return 0; }
SEC("?sockops") int ops(struct bpf_sock_ops *ctx) { return 1; }
SEC("?freplace/x") int ext(struct __sk_buff *ctx) { return 0; }
"""
MAIN = """
int main(int argc, char **argv)
{
    const char *mode = argv[1];
    if (!strcmp(mode, "pin"))
        return load(elf, sizeof(elf)) ? 0 : 3;
    if (!strcmp(mode, "symbol")) {
        char name[64];
        return symbol(0, strtoull(argv[2], 0, 16), name, sizeof(name)) > 0 ? 0 : 6;
    }
    object obj = open_object(elf, sizeof(elf), "probe");
    if (!strcmp(mode, "retype"))
        program_set(obj, "watch", 2, 6); /* XDP */
    if (!strcmp(mode, "autoload"))
        program_set(obj, "ops", 1, 1);
    if (!strcmp(mode, "big"))
        map_set(obj, "eunomia_test_pin", 1, 100000000);
    if (!strcmp(mode, "many"))
        while (open_object(elf, sizeof(elf), "probe"))
            ;
    if (load_object(obj) < 0)
        return 3;
    if (!strcmp(mode, "links"))
        return link_attach(obj, "watch", "") > 0 && link_attach(obj, "other", "") > 0 ? 0 : 4;
    if (!strcmp(mode, "fd"))
        return attach_fd(obj, "ops", 3) < 0 ? 4 : 0;
    return 0;
}
"""
PIN = "pin=/sys/fs/bpf/eunomia_test_pin"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    folder = tmp_path_factory.mktemp("policy")
    return Guest.open(compile_guest(folder, MAIN, compile_object(folder, OBJECT), "policy", ("-s",)))


@pytest.fixture(autouse=True)
def no_pin() -> None:
    Path("/sys/fs/bpf/eunomia_test_pin").unlink(missing_ok=True)


def run(guest: Guest, *words: str, allow: tuple[str, ...] = (), dirs: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """Return how a guest ends, and what was refused or failed."""
    with guest.run(words, policy=Policy(allow), dirs=dirs) as run:
        code = run.check()
        Path("/sys/fs/bpf/eunomia_test_pin").unlink(missing_ok=True)
        return code, run.failures


def test_a_pinned_map_is_not_to_be_had(guest: Guest) -> None:
    code, failures = run(guest, "pin")

    assert code == 3
    (line,) = failures
    assert line == (
        "refused: map eunomia_test_pin: it is pinned at /sys/fs/bpf/eunomia_test_pin, shared with whoever opens that:"
        " not allowed by default [Policy(allow=['pin=/sys/fs/bpf/eunomia_test_pin'])]"
    )
    assert not Path("/sys/fs/bpf/eunomia_test_pin").exists()
    assert run(guest, "pin", allow=("pin=/sys/fs/bpf",)) == (0, [])


def test_a_type_that_is_set_after_opening_is_the_one_that_counts(guest: Guest) -> None:
    code, failures = run(guest, "retype", allow=(PIN,))

    assert code == 3
    assert failures[0].startswith("refused: program watch: programs of type xdp change or block")


def test_a_program_that_is_switched_on_after_opening_is_looked_at(guest: Guest) -> None:
    code, failures = run(guest, "autoload", allow=(PIN,))

    assert code == 3
    assert failures[0].startswith("refused: program ops: programs of type sockops change or block")
    assert run(guest, "autoload", allow=(PIN, "prog-type=sockops")) == (0, [])


def test_the_size_of_maps_after_opening_counts(guest: Guest) -> None:
    code, failures = run(guest, "big", allow=(PIN,))

    assert code == 3
    assert failures == ["refused: its maps have 763M, at most 256M may be [Policy(allow=['map-size=763M'])]"]


def test_objects_and_links_are_counted(guest: Guest) -> None:
    _, failures = run(guest, "many", allow=(PIN, "objects=3"))
    assert any("[Policy(allow=['objects=N'])]" in line for line in failures), failures

    code, failures = run(guest, "links", allow=(PIN, "links=1"))
    assert (code, len(failures)) == (4, 1)
    assert failures[0] == "attach: the guest has 1 programs attached, as many as it may [Policy(allow=['links=N'])]"
    assert run(guest, "links", allow=(PIN, "links=2")) == (0, [])


def test_symbols_can_be_denied(guest: Guest) -> None:
    with open("/proc/kallsyms") as names:
        address = next(line.split()[0] for line in names if line.split()[1] in "tT")

    with guest.run(["symbol", address]) as allowed:
        assert allowed.check() == 0
    with guest.run(["symbol", address], policy=Policy(deny=["symbols=kernel"])) as denied:
        assert denied.check() == 6


def test_attaching_by_descriptor_goes_by_the_rules_too(guest: Guest) -> None:
    with open("/proc/mounts") as mounts:
        group = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    token, other = (f"{group}:/group:token",), ("/proc:/group:token",)

    assert run(guest, "fd", allow=(PIN,), dirs=token)[0] == 4  # it is not loaded
    assert run(guest, "fd", allow=(PIN, "prog-type=sockops"), dirs=other)[0] == 4


def test_functions_of_the_kernel_that_an_object_calls_are_found(tmp_path: Path) -> None:
    source = """
extern int bpf_sock_destroy(struct sock_common *sock) __ksym __weak;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym __weak;
extern void bpf_task_release(struct task_struct *p) __ksym __weak;
extern const int runqueues __ksym __weak;
SEC("iter/tcp") int drop(struct bpf_iter__tcp *ctx)
{
    struct task_struct *task = bpf_task_acquire((void *)bpf_get_current_task_btf());
    if (task)
        bpf_task_release(task);
    return &runqueues && ctx->sk_common ? bpf_sock_destroy(ctx->sk_common) : 0;
}
static __noinline int hidden(void) { return bpf_override_return((void *)0, 1); }
SEC("kprobe/do_unlinkat") int fail(void *ctx) { return hidden() + bpf_probe_write_user((void *)1, ctx, 1); }
"""
    elf = ElfFile(compile_object(tmp_path, source))

    assert calls_of(elf) == ({"override_return", "probe_write_user"}, {"bpf_sock_destroy"})
