"""Objects of a guest: opened, changed, loaded, described and closed; what fails is said."""

from __future__ import annotations

import re

import pytest

from eunomia.wasm import Guest, Policy
from support.bpf_guests import Lines

BPF = """
struct {
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10); __type(key, __u32); __type(value, __u64);
} table SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32);
} each SEC(".maps");
const volatile int chosen = 7;
int counted = 3;
SEC("raw_tp/sched_switch") int good(struct bpf_raw_tracepoint_args *ctx) { return chosen + counted; }
SEC("?raw_tp/sched_switch") int bad(struct bpf_raw_tracepoint_args *ctx) { return *(int *)(ctx->args[0] + 4); }
SEC("xdp") int packets(struct xdp_md *ctx) { return ctx->data_end - ctx->data > 60 ? XDP_DROP : XDP_PASS; }
SEC("?fentry/no_such_function") int traced(void *ctx) { return 0; }
"""

GUEST = r"""
struct map {
    uint32_t type, key_size, value_size, max_entries, flags; int32_t fd; uint32_t cpus, mmapable;
    char name[64], section[64];
};
struct program { uint32_t type, attach, instructions, autoload; char name[128], section[128]; };
static object o;
static void show(struct map *m) {
    printf("%s %s: %u %u %u %u %x %d %d %u\n", m->name, m->section, m->type, m->key_size, m->value_size,
           m->max_entries, m->flags, m->fd > 0, m->cpus == possible_cpus(), m->mmapable);
}
static void describe(void) {
    struct map m; struct program p; int i, fd;
    o = open_object(elf, sizeof(elf), "named");
    for (i = 0; map_info(o, i, &m, sizeof(m)) == sizeof(m); i++) if (strcmp(m.section, ".eunomia")) show(&m);
    SHOW(map_info(o, i, &m, sizeof(m))); SHOW(map_info(o, -1, &m, sizeof(m)));
    SHOW(map_info(o, 0, (void *)-4, 8)); SHOW(map_info(5, 0, &m, 8));
    for (i = 0; program_info(o, i, &p, sizeof(p)) == sizeof(p); i++)
        printf("%s %s: %u %u %u %u\n", p.name, p.section, p.type, p.attach, p.instructions > 0, p.autoload);
    SHOW(program_info(o, i, &p, sizeof(p))); SHOW(map_fd(o, "table")); puts(last_error());
    SHOW(load_object(o)); SHOW(load_object(o));
    fd = map_fd(o, "each"); SHOW(map_info_by_fd(fd, &m, sizeof(m))); show(&m); SHOW(m.fd == fd);
    SHOW(map_info_by_fd(4, &m, sizeof(m)));
    SHOW(map_fd(o, "other.rodata") > 0); SHOW(map_fd(o, ".data") == map_fd(o, "x.data"));
    SHOW(map_fd(o, "table") == map_fd(o, "table"));
}
static void change(void) {
    int value = 40, was = 0, fd; struct map m; uint32_t result[2]; uint64_t args[12] = {0};
    o = open_object(elf, sizeof(elf), 0);
    SHOW(map_initial(o, ".rodata", 0, &was, 4, 0)); SHOW(was); SHOW(map_initial(o, "any.rodata", 0, &value, 4, 1));
    SHOW(map_initial(o, ".rodata", 1 << 20, &value, 4, 1)); SHOW(map_initial(o, "table", 0, &value, 4, 1));
    SHOW(map_initial(o, ".rodata", 0, (void *)-2, 4, 1));
    SHOW(map_set(o, "table", 1, 1000)); SHOW(map_set(o, "perf", 2, 8)); SHOW(map_set(o, "perf", 2, 7));
    SHOW(map_set(o, "table", 2, 8));
    SHOW(map_set(o, "table", 5, 16)); SHOW(map_set(o, "each", 7, 0)); SHOW(map_set(o, "table", 99, 1));
    SHOW(map_set(o, "table", 1, -1));
    SHOW(map_set(o, "nothing", 1, 1)); SHOW(program_set(o, "packets", 1, 0)); SHOW(program_set(o, "packets", 9, 0));
    SHOW(load_object(o)); SHOW(map_set(o, "table", 1, 5)); SHOW(program_set(o, "good", 1, 0));
    SHOW(map_initial(o, ".rodata", 0, &value, 4, 1));
    map_info_by_fd(map_fd(o, "table"), &m, sizeof(m)); SHOW(m.max_entries); SHOW(m.value_size);
    SHOW(map_fd(o, "each")); SHOW(attach(o, "packets", "lo")); puts(last_error());
    SHOW(test_run(o, "good", args, 96, 0, 0, 1, result)); SHOW(result[0]);
}
static void fail(void) {
    SHOW(load("not an object", 14)); puts(last_error()); SHOW(load(elf, 300)); SHOW(load(0, 0));
    SHOW(load(elf, -1)); SHOW(load((void *)-16, 64));
    SHOW(open_object(elf, sizeof(elf), (void *)-1)); SHOW(close_object(0)); SHOW(load_object(0));
    SHOW(load_object(1));
}
static void refuse(void) {
    o = open_object(elf, sizeof(elf), "wrong"); program_set(o, "bad", 1, 1);
    SHOW(load_object(o)); puts(last_error()); SHOW(close_object(o));
    o = open_object(elf, sizeof(elf), "wrong"); program_set(o, "traced", 1, 1);
    SHOW(load_object(o)); puts(last_error());
    char line[8]; memset(line, 'x', 8); SHOW(error_line(line, 6) > 6); SHOW(line[5]); SHOW(line[6]);
    SHOW(error_line(0, 0) > 6);
    SHOW(error_line((void *)-4, 8));
}
static void many(void) {
    int opened = 0; while (load(elf, sizeof(elf)) && opened < 100) opened++;
    SHOW(opened); puts(last_error()); SHOW(close_object(1)); SHOW(load(elf, sizeof(elf)) > opened);
    SHOW(map_fd(1, "table")); SHOW(close_object(1));
}
static void runs(void) {
    unsigned char packet[64] = {0}, out[64] = {7}; uint32_t result[2] = {0}; uint64_t args[12] = {0};
    o = load(elf, sizeof(elf));
    SHOW(test_run(o, "packets", packet, 64, out, 64, 10, result)); SHOW(result[0]); SHOW(out[0]);
    SHOW(test_run(o, "packets", packet, 60, out, 20, 1, result)); SHOW(result[0]);
    SHOW(test_run(o, "good", args, 96, 0, 0, 1, result)); SHOW(result[0]);
    SHOW(test_run(o, "packets", packet, 4, 0, 0, 1, 0)); puts(last_error());
    SHOW(test_run(o, "packets", packet, 64, (void *)-8, 64, 1, 0));
    SHOW(test_run(o, "packets", packet, 64, 0, 0, 1 << 30, 0));
    SHOW(test_run(o, "nobody", packet, 64, 0, 0, 1, 0)); SHOW(test_run(o, "bad", args, 96, 0, 0, 1, 0));
}
static void asks(void) {
    char name[64] = "";
    SHOW(version()); SHOW(possible_cpus() > 0); SHOW(probe(8, 0)); SHOW(probe(3, "1"));
    SHOW(probe(3, "9999")); SHOW(probe(3, "x"));
    SHOW(probe(4, "6")); SHOW(probe(6, "sched:sched_switch")); SHOW(probe(6, "sched:nothing"));
    SHOW(probe(6, "../../x:y"));
    SHOW(probe(7, "task_struct")); SHOW(probe(7, "task_struct.tgid")); SHOW(probe(7, "task_struct.nothing"));
    SHOW(probe(7, "no_struct"));
    SHOW(probe(2, "sched_switch")); SHOW(probe(2, "nothing")); SHOW(probe(9, "6:1")); SHOW(probe(9, "6:999"));
    SHOW(probe(9, "6"));
    SHOW(probe(1, "no_function_at_all")); SHOW(probe(5, "no_function_at_all")); SHOW(probe(77, "x"));
    SHOW(probe(7, (void *)-1));
    SHOW(symbol(0, 16, name, sizeof(name))); SHOW(symbol(0, 16, (void *)-8, 64));
}
static void symbols(void) {
    char name[64] = "", cut[4]; uint64_t address = strtoull(getenv("ADDRESS"), 0, 16);
    SHOW(symbol(-1, address + 4, name, sizeof(name))); puts(name);
    SHOW(symbol(0, address, cut, sizeof(cut))); puts(cut);
}
int main(int argc, char **argv) {
#define RUN(name) if (!strcmp(argv[1], #name)) name();
    RUN(describe) RUN(change) RUN(fail) RUN(refuse) RUN(many) RUN(runs) RUN(asks) RUN(symbols)
    return 0;
}
"""


def answers(lines: list[str]) -> list[int]:
    return [int(line.rpartition(" = ")[2]) for line in lines if re.search(r" = -?\d+$", line)]


def test_maps_and_programs_are_described_before_and_after_load(lines: Lines) -> None:
    text = lines("describe")

    assert "table : 1 4 8 10 0 0 0 0" in text
    assert "named.rodata .rodata: 2 4 4 1 480 0 0 1" in text
    assert "named.data .data: 2 4 4 1 400 0 0 1" in text
    assert "good raw_tp/sched_switch: 17 0 1 1" in text
    assert "bad raw_tp/sched_switch: 17 0 1 0" in text
    assert "packets xdp: 6 37 1 1" in text
    assert "traced fentry/no_such_function: 26 24 1 0" in text
    assert "map table: it is not loaded" in text
    assert "each : 5 4 4 4 0 1 1 0" in text
    assert answers(text) == [-2, -2, -14, -22, -2, -22, 0, -16, 160, 1, -9, 1, 1, 1]


def test_what_is_changed_before_load_counts_and_afterwards_is_refused(lines: Lines) -> None:
    text = lines("change")

    assert answers(text) == [
        *(0, 7, 0, -34, -22, -14),
        *(0, 0, -22, -22, 0, 0, -22, -22, -2, 0, -22),
        *(0, -16, -16, -16, 1000, 16),
        *(-22, -22, 0, 43),
    ]
    assert "attach program packets (xdp): it is not loaded" in text


def test_bytes_that_are_no_object_and_pointers_that_lead_out_give_no_handle(lines: Lines) -> None:
    text = lines("fail")

    assert answers(text) == [0, 0, 0, 0, 0, 0, -22, -22, -22]
    assert text[1] == "open object guest: not a BPF object (an ELF file): elf: 'guest' is not a proper ELF object"


def test_the_verifiers_words_are_the_guests_error(wasm: bytes) -> None:
    told: list[str] = []
    with Guest(wasm, "guest.wasm").run(
        ["refuse"], policy=Policy(["all"]), on_failure=lambda line, said: told.append("\n".join([line, *said]))
    ) as run:
        run.wait(30)
        text = run.stdout.splitlines()

    assert answers(text) == [-13, 0, -2, 1, 0, 120, 1, -14]
    assert "R1 invalid mem access 'scalar'" in text[1]
    assert "function no_such_function: not in this kernel's BTF" in text[4]
    assert len(told) == 2
    assert [text[1], text[4]] == [each.splitlines()[0] for each in told]  # the guest has the same line
    assert "invalid mem access" in told[0]
    assert "no_such_function" in told[1]


def test_a_guest_has_as_many_objects_as_it_may(lines: Lines) -> None:
    text = lines("many")

    assert answers(text) == [64, 0, 1, -22, -22]
    assert text[1] == "open object: the guest has 64 open, as many as it may [--allow objects=N]"


def test_programs_are_run_without_events(lines: Lines) -> None:
    text = lines("runs")

    assert answers(text) == [64, 1, 0, 20, 2, 0, 10, -22, -14, -22, -2, -22]
    assert any(line.endswith("a packet begins with an Ethernet header, 14 bytes") for line in text)


def test_what_this_kernel_can_do_is_asked_by_name(lines: Lines) -> None:
    assert answers(lines("asks")) == [
        *(1, 1, 1, 1, 0, -22),
        *(1, 1, 0, 0),
        *(1, 1, 0, 0),
        *(1, 0, 1, 0, -22),
        *(0, 0, -22, -14),
        *(-2, -14),
    ]


def test_addresses_have_names_for_who_may_ask(wasm: bytes) -> None:
    with open("/proc/kallsyms") as file:
        address = next(line.split()[0] for line in file if line.split()[2] == "schedule")
    results = []
    for policy in (Policy(), Policy(deny=["symbols=kernel"])):
        with Guest(wasm, "guest.wasm").run(["symbols"], env={"ADDRESS": address}, policy=policy) as run:
            run.wait(30)
            results.append(run.stdout.splitlines())

    assert results[0][1::2] == ["schedule+0x4", "sch"]
    assert answers(results[0]) == [12, 12]
    assert answers(results[1]) == [-1, -1]


@pytest.mark.parametrize("name", ["go-callback", "told"])
def test_a_callback_can_be_an_export(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    from support.bpf_guests import compile_guest, compile_object

    folder = tmp_path_factory.mktemp("export")
    source = r"""
    __attribute__((import_module("MODULE"), import_name("wasm_bpf_buffer_poll")))
    int wrapped(object obj, int fd, void *context, void *data, int max_size, int timeout_ms);
    static int seen;
    __attribute__((export_name("NAME"))) int told(void *context, void *data, int size) { seen += size; return -1; }
    int main(void) {
        static char data[64];
        uint64_t args[12] = {0};
        object o = load(elf, sizeof(elf));
        int fd = map_fd(o, "ring");
        SHOW(test_run(o, "emit", args, 96, 0, 0, 4, 0)); SHOW(wrapped(o, fd, 0, data, 64, 0)); SHOW(seen);
        SHOW(wrapped(o, fd, 0, data, 64, 0)); SHOW(wrapped(o, 7, 0, data, 64, 0));
        return 0;
    }
    """.replace("NAME", name).replace("MODULE", "other" if name == "told" else "callback-wrapper")
    elf = compile_object(
        folder,
        """
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
    SEC("raw_tp/sched_switch") int emit(void *ctx) { __u64 n = 1; bpf_ringbuf_output(&ring, &n, 8, 0); return 0; }
    """,
    )
    wasm = compile_guest(folder, source, elf).read_bytes()
    callback = ("other", "told") if name == "told" else None

    with Guest(wasm).run(policy=Policy(["all"]), callback=callback) as run:
        run.wait(30)
        assert answers(run.stdout.splitlines()) == [0, 4, 32, 0, -9]
