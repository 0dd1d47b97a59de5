"""WASI preview 1: files below preopened directories, and nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from support.guests import Directory, pipe, run, start

NOTCAPABLE = "76 Capabilities insufficient"
READ_ONLY = "69 Read-only file system"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with `in` for guests, and a secret beside it."""
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/file").write_text("contents")
    (tmp_path / "in/sub/deep").write_text("deep")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in/link").symlink_to("file")
    (tmp_path / "in/up").symlink_to("../secret")
    (tmp_path / "in/absolute").symlink_to(tmp_path / "in/file")
    (tmp_path / "in/outside").symlink_to("..")
    return tmp_path


def writable(tree: Path) -> list[Directory]:
    return [Directory(tree / "in", "/data", writable=True)]


def read_only(tree: Path) -> list[Directory]:
    return [Directory(tree / "in", "/data")]


def test_preopens_are_numbered_in_order_of_the_options(wasi: Path, tree: Path) -> None:
    dirs = [Directory(tree, "/b"), Directory(tree / "in", "a", writable=True), Directory(tree, "t", token=True)]

    assert run(wasi, "preopens", dirs=dirs).out == "3 0 /b\n4 0 a\n5 0 t\n6 8\n"


def test_directory_that_is_not_there_is_named(wasi: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"directory .*/missing of the guest: no such file or directory"):
        run(wasi, "words", dirs=[Directory(tmp_path / "missing", "/m")])


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("/data/file", "contents"),
        ("/data/sub/deep", "deep"),
        ("/data/sub/../file", "contents"),
        ("/data/./sub/.././link", "contents"),
        ("/data/missing", "open: 44 No such file or directory\n"),
        ("/data/file/x", "open: 54 Not a directory\n"),
        ("/data/../secret", f"open: {NOTCAPABLE}\n"),
        ("/data/sub/../../secret", f"open: {NOTCAPABLE}\n"),
        ("/data/up", f"open: {NOTCAPABLE}\n"),
        ("/data/absolute", f"open: {NOTCAPABLE}\n"),
        ("/data/outside/secret", f"open: {NOTCAPABLE}\n"),
        ("/data/outside/in/file", f"open: {NOTCAPABLE}\n"),
        ("/etc/passwd", "open: 44 No such file or directory\n"),
    ],
)
def test_path_leads_to_what_is_below_its_directory_only(wasi: Path, tree: Path, path: str, out: str) -> None:
    assert run(wasi, "cat", path, dirs=read_only(tree)).out == out


@pytest.mark.parametrize(
    "command",
    [
        ["write", "/data/outside/new", "x"],
        ["mkdir", "/data/outside/new"],
        ["rmdir", "/data/outside/empty"],
        ["unlink", "/data/outside/secret"],
        ["rename", "/data/outside/secret", "/data/got"],
        ["rename", "/data/file", "/data/outside/file"],
        ["link", "/data/outside/secret", "/data/got"],
        ["symlink", "x", "/data/../new"],
        ["symlink", "/etc/passwd", "/data/passwd"],
        ["stat", "/data/up"],
        ["readlink", "/data/outside/in/link"],
        ["times", "/data/up", "5"],
        ["ls", "/data/outside"],
        ["ls", "/data/.."],
    ],
)
def test_nothing_outside_is_reached_by_any_call(wasi: Path, tree: Path, command: list[str]) -> None:
    before = {path: path.lstat().st_mtime_ns for path in tree.rglob("*")}

    made = run(wasi, *command, dirs=writable(tree))

    assert NOTCAPABLE in made.out
    assert {path: path.lstat().st_mtime_ns for path in tree.rglob("*")} == before


def test_link_that_changes_while_it_is_followed_never_leads_out(wasi: Path, tree: Path) -> None:
    stop = threading.Event()
    (tree / "in/racy").symlink_to("file")

    def swap() -> None:
        while not stop.is_set():
            for text in ("file", "../secret"):
                os.symlink(text, tree / "new")
                os.rename(tree / "new", tree / "in/racy")

    other = threading.Thread(target=swap)
    other.start()
    made = run(wasi, "race", "/data/racy", dirs=read_only(tree))
    stop.set()
    other.join()

    assert made.out == "1 0\n"


@pytest.mark.parametrize(
    "command",
    [
        ["write", "/data/new", "x"],
        ["write", "/data/file", "x"],
        ["write", "/data/file", "x", "r+"],
        ["write", "/data/file", "x", "a"],
        ["mkdir", "/data/new"],
        ["rmdir", "/data/sub"],
        ["unlink", "/data/file"],
        ["rename", "/data/file", "/data/new"],
        ["link", "/data/file", "/data/new"],
        ["symlink", "x", "/data/new"],
        ["times", "/data/file", "5"],
        ["seek", "/data/file"],
    ],
)
def test_read_only_directory_refuses_every_change(wasi: Path, tree: Path, command: list[str]) -> None:
    before = sorted((path, path.lstat().st_mtime_ns) for path in tree.rglob("*"))

    made = run(wasi, *command, dirs=read_only(tree))

    assert READ_ONLY in made.out
    assert sorted((path, path.lstat().st_mtime_ns) for path in tree.rglob("*")) == before


def test_file_of_a_read_only_directory_cannot_be_linked_into_a_writable_one(wasi: Path, tree: Path) -> None:
    dirs = [Directory(tree / "in", "/ro"), Directory(tree / "in/sub", "/rw", writable=True)]

    assert run(wasi, "link", "/ro/file", "/rw/got", dirs=dirs).out == f"link: {READ_ONLY}\n"
    assert run(wasi, "rename", "/ro/file", "/rw/got", dirs=dirs).out == f"rename: {READ_ONLY}\n"
    assert not (tree / "in/sub/got").exists()


@pytest.mark.parametrize(
    "command", [["cat", "/t/file"], ["ls", "/t"], ["stat", "/t/file"], ["write", "/t/new", "x"], ["mkdir", "/t/new"]]
)
def test_token_is_a_name_and_nothing_more(wasi: Path, tree: Path, command: list[str]) -> None:
    made = run(wasi, *command, dirs=[Directory(tree / "in", "/t", writable=True, token=True)])

    assert NOTCAPABLE in made.out
    assert not (tree / "in/new").exists()


def test_token_says_that_it_has_no_rights(wasi: Path, tree: Path) -> None:
    assert " rights 0 0 " in run(wasi, "fdstat", "3", dirs=[Directory(tree, "/t", token=True)]).out


def test_writable_directory_takes_files_links_and_directories(wasi: Path, tree: Path) -> None:
    commands = [
        ["write", "/data/new", "one"],
        ["write", "/data/new", "two", "a"],
        ["link", "/data/new", "/data/hard"],
        ["symlink", "new", "/data/soft"],
        ["mkdir", "/data/made/"],
        ["rename", "/data/new", "/data/made/moved"],
        ["rmdir", "/data/sub"],
        ["unlink", "/data/file"],
    ]

    said = [run(wasi, *command, dirs=writable(tree)).out for command in commands]

    assert said == [""] * 6 + ["rmdir: 55 Directory not empty\n", ""]
    assert (tree / "in/made/moved").read_text() == (tree / "in/hard").read_text() == "onetwo"
    assert os.readlink(tree / "in/soft") == "new"
    assert not (tree / "in/file").exists()


def test_slash_behind_a_name_means_a_directory(wasi: Path, tree: Path) -> None:
    commands = [
        ["unlink", "/data/file/"],
        ["unlink", "/data/link/"],
        ["rmdir", "/data/outside/"],
        ["rename", "/data/file/", "/data/x"],
    ]

    said = [run(wasi, *command, dirs=writable(tree)).out for command in commands]

    assert all(" 54 Not a directory" in each for each in said)
    assert (tree / "in/file").exists()
    assert (tree / "in/outside").is_symlink()


def test_file_is_sought_read_and_cut(wasi: Path, tree: Path) -> None:
    assert run(wasi, "seek", "/data/new", dirs=writable(tree)).out == "10 7 2 78 9 3 123 2 0 6\n"
    assert (tree / "in/new").read_text() == "0123ab"


def test_numbers_of_closed_files_come_again_and_are_bounded(wasi: Path, tree: Path) -> None:
    badf, mfile = 8, 33

    lines = run(wasi, "fds", "/data/file", dirs=read_only(tree)).out.splitlines()

    assert lines == [f"4 5 4 0 1 -1 {badf}", f"1 {mfile}"]


def test_rights_that_were_given_up_do_not_come_back(wasi: Path, tree: Path) -> None:
    notcapable, badf = 76, 8  # wasi-libc makes the one of the other where write(2) is refused

    assert run(wasi, "rights", "/data/file", dirs=writable(tree)).out == f"0 {notcapable} -1 {badf}\n"


def test_append_and_nonblock_are_set_for_the_guest_alone(wasi: Path, tree: Path) -> None:
    with pipe() as (stdin, _):
        made = run(wasi, "flags", "/data/file", dirs=writable(tree), stdin=stdin)

        assert os.get_blocking(stdin)
    assert made.out == "0 3 0 -1 6\n"
    assert (tree / "in/file").read_text() == "contentsend"


def test_records_of_files_are_those_of_the_host(wasi: Path, tree: Path) -> None:
    os.utime(tree / "in/file", (1_000_000_000, 1_100_000_000))

    assert run(wasi, "stat", "/data/link", dirs=read_only(tree)).out == "file 8 1 1100000000 1000000000\n"
    assert run(wasi, "lstat", "/data/link", dirs=read_only(tree)).out.split()[:2] == ["link", "4"]
    assert run(wasi, "stat", "/data/sub", dirs=read_only(tree)).out.split()[0] == "dir"


def test_times_are_set_as_given_or_left(wasi: Path, tree: Path) -> None:
    run(wasi, "times", "/data/file", "1234567890", dirs=writable(tree))
    both = (tree / "in/file").stat()
    run(wasi, "times", "/data/file", "1500000000", "omit", dirs=writable(tree))
    one = (tree / "in/file").stat()

    assert (both.st_atime_ns, both.st_mtime_ns) == (1234567889_000000005, 1234567890_000000006)
    assert (one.st_atime_ns, one.st_mtime_ns) == (1234567889_000000005, 1500000000_000000006)


def test_directory_is_listed_whole_with_types_however_many_entries(wasi: Path, tree: Path) -> None:
    names = [f"{number:04}-{'n' * (number % 60)}" for number in range(1500)]
    for name in names:
        (tree / "in/sub" / name).touch()

    small = run(wasi, "ls", "/data", dirs=read_only(tree)).out.splitlines()
    large = run(wasi, "ls", "/data/sub", dirs=read_only(tree)).out.splitlines()

    assert small == ["8 8", ". 3", ".. 3", "absolute 7", "file 4", "link 7", "outside 7", "sub 3", "up 7"]
    assert large[0] == "1503 1503"
    assert large[1:] == sorted([". 3", ".. 3", "deep 4", *(f"{name} 4" for name in names)])


def test_pipe_below_a_directory_is_waited_for_without_being_stuck(wasi: Path, tree: Path) -> None:
    os.mkfifo(tree / "in/fifo")
    guest = start(wasi, ["cat", "/data/fifo"], dirs=read_only(tree))
    with open(tree / "in/fifo", "w") as fifo:
        fifo.write("through")

    assert guest.wait().out == "through"


def test_proc_is_read_but_memory_and_environment_of_the_host_are_not(wasi: Path) -> None:
    dirs = [Directory("/proc", "/proc", writable=True)]
    own = f"/proc/{os.getpid()}"

    assert run(wasi, "cat", "/proc/self/comm", dirs=dirs).out == Path("/proc/self/comm").read_text()
    assert run(wasi, "cat", "/proc/version", dirs=dirs).out == Path("/proc/version").read_text()
    for path in (f"{own}/mem", "/proc/self/mem", f"{own}/environ", "/proc/1/mem"):
        assert run(wasi, "cat", path, dirs=dirs).out == "open: 2 Permission denied\n"
    assert run(wasi, "cat", f"{own}/root/etc/passwd", dirs=dirs).out == "open: 32 Symbolic link loop\n"
    assert run(wasi, "cat", f"{own}/exe", dirs=dirs).out == "open: 32 Symbolic link loop\n"
    assert run(wasi, "readlink", f"{own}/exe", dirs=dirs).out == os.readlink("/proc/self/exe") + "\n"
    assert run(wasi, "write", f"{own}/comm", "x", "r+", dirs=dirs).out == "open: 2 Permission denied\n"


def test_no_descriptor_is_left_when_a_guest_ended_in_the_middle(wasi: Path, tree: Path) -> None:
    run(wasi, "fds", "/data/file", dirs=read_only(tree))
    before = len(os.listdir("/proc/self/fd"))
    run(wasi, "fds", "/data/file", dirs=read_only(tree))

    assert len(os.listdir("/proc/self/fd")) == before
