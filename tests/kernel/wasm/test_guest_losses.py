"""What a guest's buffers lose is told by the host, where the guest does not ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.wasm import Guest, Policy
from support.bpf_guests import compile_guest
from support.commands import Command
from support.objects import build

BPF = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } small SEC(".maps"), unread SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
__u64 record[64];
SEC("raw_tp/sched_switch") int emit(struct bpf_raw_tracepoint_args *ctx) {
    if (ctx->args[0] == 1) bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, record, 61);
    if (ctx->args[0] == 2) bpf_ringbuf_output(&small, record, 504, 0);
    if (ctx->args[0] == 2) bpf_ringbuf_output(&unread, record, 504, 0);
    return 0;
}
"""
# argv: "perf", "ring": flood that buffer, and print how many records came; "close": another object in its place;
# "ask": the host's number; "stay": until it is ended; "trap".
GUEST = r"""
static int got;
static char data[4096];
static int take(void *context, void *record, int size) { got++; return 0; }
static void flood(object o, const char *map, uint64_t which, int count) {
    uint64_t args[12] = {which};
    int fd = map_fd(o, map);
    if (test_run(o, "emit", args, 96, 0, 0, 1, 0)) exit(9); /* before the guest reads it */
    poll_buffer(o, fd, take, 0, data, sizeof(data), 0);
    got = 0;
    if (test_run(o, "emit", args, 96, 0, 0, count, 0)) exit(9);
    while (poll_buffer(o, fd, take, 0, data, sizeof(data), 0) > 0) {}
    printf("%d\n", got);
}
int main(int argc, char **argv) {
    object o = load(elf, sizeof(elf));
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "perf")) flood(o, "perf", 1, 30000);
        if (!strcmp(argv[i], "ring")) flood(o, "small", 2, 20);
        if (!strcmp(argv[i], "few")) flood(o, "small", 2, 5);
        if (!strcmp(argv[i], "close")) { close_object(o); o = load(elf, sizeof(elf)); }
        if (!strcmp(argv[i], "ask")) ASK;
        if (!strcmp(argv[i], "stay")) {
            fflush(stdout);
            poll_buffer(o, map_fd(o, "small"), take, 0, data, sizeof(data), -1);
        }
        if (!strcmp(argv[i], "trap")) { fflush(stdout); __builtin_trap(); }
    }
    return 3;
}
"""


def compiled(folder: Path, name: str, *flags: str, accounting: bool = True) -> Path:
    elf = build(folder, BPF, accounting=accounting).object
    return compile_guest(folder, GUEST, elf, name, flags=flags)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest that does not import wasm_bpf_buffer_lost."""
    return compiled(tmp_path_factory.mktemp("losses"), "quiet", "-DASK=(void)0")


def losses(guest: Path, *words: str) -> tuple[list[int], dict[str, int], str]:
    with Guest.open(guest).run(words, policy=Policy(["all"])) as run:
        run.wait(30)
        assert run.failures == []
        return [int(line) for line in run.stdout.split()], run.lost, run.loss_line()


def test_what_a_perf_buffer_lost_is_told_with_its_number(guest: Path) -> None:
    (got,), lost, line = losses(guest, "perf")

    assert 0 < got < 30000
    assert (lost, line) == ({"perf": 30000 - got}, f"events: {30000 - got} lost (perf buffer full)")


def test_what_a_ring_lost_is_told_where_the_object_counts(guest: Path) -> None:
    assert losses(guest, "ring") == ([7], {"small": 13}, "events: 13 lost (ring full)")


def test_each_map_is_told_once_with_what_all_objects_lost(guest: Path) -> None:
    found, lost, line = losses(guest, "ring", "ring", "close", "ring", "perf", "close")
    perf = 30000 - found[3]

    assert found[:3] == [7, 7, 7]
    assert lost == {"small": 39, "perf": perf}
    assert line == f"events: small: 39 lost (ring full); perf: {perf} lost (perf buffer full)"


def test_a_guest_that_lost_nothing_has_no_line(guest: Path) -> None:
    assert losses(guest, "few") == ([5], {}, "")


def test_losses_of_a_ring_that_nobody_counts_are_not_guessed(tmp_path: Path) -> None:
    foreign = compiled(tmp_path, "foreign", "-DASK=(void)0", accounting=False)

    assert losses(foreign, "ring") == ([7], {}, "")


def test_a_guest_that_asks_tells_its_user_itself(tmp_path: Path) -> None:
    asking = compiled(tmp_path, "asking", '-DASK=printf("%lld\\n",(long long)buffer_lost(map_fd(o,"perf")))')
    (got, said), lost, line = losses(asking, "perf", "ask")

    assert said == 30000 - got
    assert (lost, line) == ({"perf": said}, "")
    assert losses(asking, "ring")[2] == "events: 13 lost (ring full)"  # that it could ask says nothing
    assert losses(asking, "ring", "perf", "ask")[2] == "events: 13 lost (ring full)"


def test_the_losses_of_a_guest_that_is_ended_are_known_when_its_ending_is(guest: Path) -> None:
    with Guest.open(guest).run(["ring", "stay"], policy=Policy(["all"])) as run:
        assert next(run.lines()).strip() == "7"
        run.terminate()
        run.wait()

        assert (run.ending, run.lost) == ("terminated", {"small": 13})


def test_the_command_says_it_at_the_end_and_the_code_is_the_guests(ecli: Command, guest: Path) -> None:
    ended = ecli("run", str(guest), "ring")
    trapped = ecli("run", str(guest), "ring", "trap")

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "7\n", "ecli: events: 13 lost (ring full)\n")
    assert trapped.returncode == 1
    assert [line.partition(": ")[2][:6] for line in trapped.stderr.splitlines()] == ["events", "run " + str(guest)[:2]]
