"""A hub made of a folder: names and versions, what stays and what is refused, the same bytes for the same input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eunomia.errors import FetchError
from eunomia.package.model import Package
from eunomia.publish.hub_build import Settings, build
from eunomia.publish.private_keys import generate
from support import wasm_writer

GUEST = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(0) + wasm_writer.call(0))


@pytest.fixture
def package(root: Path) -> bytes:
    return (root / "src/eunomia/builtin/opensnoop.json").read_bytes()


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def versioned(package: bytes, version: str) -> bytes:
    tree = json.loads(package)
    tree["meta"]["bpf_skel"]["doc"]["version"] = version
    return json.dumps(tree).encode()


def index(out: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((out / "index.json").read_bytes())
    return {tool["name"]: tool for tool in tree["tools"]}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(source: Path, out: Path, **options: Any) -> dict[str, Any]:
    return build(str(source), Settings(str(out), **options))


def test_names_and_versions_come_from_paths_and_packages(tmp_path: Path, package: bytes) -> None:
    source = tmp_path / "in"
    put(source / "one/package.json", package)
    put(source / "two.json", package)
    put(source / "deep/er/three/1.5/package.json", package)
    put(source / "four/2.0-rc1/app.wasm", GUEST)
    put(source / "five.wasm", GUEST)
    put(source / "five.md", b"# five\n\n![picture](x)\n\nShows five\nthings.\n")
    put(source / "package.json", package)

    made(source, tmp_path / "out")

    found = {name: tool["versions"][0]["location"] for name, tool in index(tmp_path / "out").items()}
    assert found == {
        "one": "one/0.1.0/package.json",
        "two": "two/0.1.0/package.json",
        "three": "three/1.5/package.json",
        "four": "four/2.0-rc1/app.wasm",
        "five": "five/0.0.0/app.wasm",
        "in": "in/0.1.0/package.json",
    }
    assert index(tmp_path / "out")["five"]["summary"] == "Shows five things."


def test_a_version_is_given_to_what_says_none(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/a.wasm", GUEST)
    put(tmp_path / "in/b.json", package)

    made(tmp_path / "in", tmp_path / "out", version="1.2.0-rc1")

    assert (tmp_path / "out/a/1.2.0-rc1/app.wasm").exists()
    assert (tmp_path / "out/b/0.1.0/package.json").exists()
    with pytest.raises(FetchError, match=r"'\.\./x' is no version"):
        made(tmp_path / "in", tmp_path / "out", version="../x")


def test_an_entry_says_what_the_package_is(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/opensnoop.json", package)

    made(tmp_path / "in", tmp_path / "out")

    tool = index(tmp_path / "out")["opensnoop"]
    assert (tool["kind"], tool["licence"], tool["types"]) == ("package", "Dual MIT/GPL", ["tracepoint"])
    assert tool["summary"] == "Trace files as they are opened: who, which, and with what result"
    assert tool["needs"] == {
        "kernel": "5.8",
        "btf": "",
        "capabilities": ["CAP_BPF", "CAP_DAC_READ_SEARCH", "CAP_PERFMON"],
    }
    assert {
        "name": "--pid",
        "short": "-p",
        "type": "pid_t",
        "default": "0",
        "help": "trace this process ID only",
    } in tool["options"]
    assert tool["events"][0]["fields"][-1] == "char[0] path"
    assert tool["versions"][0]["size"] == len(package)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/a.json", package)
    put(tmp_path / "in/b.wasm", GUEST)

    made(tmp_path / "in", tmp_path / "one", title="T")
    made(tmp_path / "in", tmp_path / "two", title="T")
    first = files(tmp_path / "one")
    again = made(tmp_path / "in", tmp_path / "one")

    assert first == files(tmp_path / "two") == files(tmp_path / "one")
    assert again["added"] == []


def test_what_was_published_stays_and_the_newest_is_where_the_first_system_looks(
    tmp_path: Path, package: bytes
) -> None:
    out = tmp_path / "out"
    for version in ("1.9", "1.10", "2.0-rc1"):
        put(tmp_path / version / "t.json", versioned(package, version))
        made(tmp_path / version, out)

    assert [each["version"] for each in index(out)["t"]["versions"]] == ["2.0-rc1", "1.10", "1.9"]
    assert json.loads((out / "t/package.json").read_bytes())["meta"]["bpf_skel"]["doc"]["version"] == "1.10"
    assert (out / "t/1.9/package.json").read_bytes() == versioned(package, "1.9")

    made(tmp_path / "1.9", out, yanked=("t@1.10=it leaks",))
    assert json.loads((out / "t/package.json").read_bytes())["meta"]["bpf_skel"]["doc"]["version"] == "1.9"
    made(tmp_path / "1.9", out)
    assert index(out)["t"]["versions"][1]["yanked"] == "it leaks", "and stays withdrawn"


def test_a_published_version_does_not_change_unless_asked(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/t.json", package)
    made(tmp_path / "in", tmp_path / "out")
    put(tmp_path / "in/t.json", package + b"\n")

    with pytest.raises(
        FetchError, match=r"t 0.1.0 is published already with other bytes .*\[give it a new version, or --"
    ):
        made(tmp_path / "in", tmp_path / "out")
    assert made(tmp_path / "in", tmp_path / "out", replace=True)["added"] == ["t 0.1.0"]
    assert (tmp_path / "out/t/0.1.0/package.json").read_bytes() == package + b"\n"


def test_a_tar_is_a_package_for_the_first_systems_clients_too(tmp_path: Path, package: bytes) -> None:
    archive = Package.from_bytes(package).to_tar()
    put(tmp_path / "in/t.tar", archive)

    made(tmp_path / "in", tmp_path / "out")

    assert (tmp_path / "out/t/0.1.0/package.tar").read_bytes() == archive
    assert Package.open(tmp_path / "out/t/package.json").object == Package.from_bytes(package).object


def test_what_is_no_tool_is_left_out_and_named(tmp_path: Path, package: bytes) -> None:
    source = tmp_path / "in"
    put(source / "good.json", package)
    put(source / "tsconfig.json", b"{}")
    put(source / "bad.json", package[:500])
    put(source / "bad.wasm", b"\0asm\x01\0\0\0\xff")
    put(source / "text.wasm", b"not wasm")
    put(source / ".hidden/x.json", package)

    done = made(source, tmp_path / "out")

    assert sorted(index(tmp_path / "out")) == ["good"]
    assert [text.partition(": ")[0] for text in done["skipped"]] == [
        str(source / name) for name in ("bad.json", "bad.wasm", "text.wasm")
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "no package or guest in"),
        (["t.json", "t/package.json"], r"are both t 0.1.0 \[a folder for each version"),
        (["a b.json"], "'a b' is no name of a tool"),
        (["-x.json"], "'-x' is no name of a tool"),
    ],
)
def test_a_folder_that_makes_no_hub_is_refused(tmp_path: Path, package: bytes, names: list[str], text: str) -> None:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        put(tmp_path / "in" / name, package + b" " * number)

    with pytest.raises(FetchError, match=text):
        made(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out/index.json").exists()


def test_a_folder_is_not_written_over(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/t.json", package)
    put(tmp_path / "home/thesis.txt", b"years of work")

    with pytest.raises(FetchError, match="is no hub, and not empty"):
        made(tmp_path / "in", tmp_path / "home")
    with pytest.raises(FetchError, match="is read and cannot be written to as well"):
        made(tmp_path / "in", tmp_path / "in")
    made(tmp_path / "in", tmp_path / "in/site")
    assert made(tmp_path / "in", tmp_path / "in/site")["tools"] == 1, "its own output is no input"


def test_a_kind_does_not_change_under_a_name(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "one/t.json", package)
    put(tmp_path / "two/t.wasm", GUEST)
    made(tmp_path / "one", tmp_path / "out")

    with pytest.raises(FetchError, match=r"t\.wasm is a guest, t was a package before"):
        made(tmp_path / "two", tmp_path / "out")


@pytest.mark.parametrize("text", ["{", "[]", '{"kernels": 3}', '{"kernels": [], "rows": [{"kind": "tool"}]}'])
def test_a_file_that_is_no_matrix_is_told(tmp_path: Path, package: bytes, text: str) -> None:
    put(tmp_path / "in/t.json", package)
    put(tmp_path / "matrix", text.encode())

    with pytest.raises(FetchError, match="no matrix of kernels"):
        made(tmp_path / "in", tmp_path / "out", matrix=str(tmp_path / "matrix"))


def test_the_matrix_of_the_suite_is_evidence(tmp_path: Path, package: bytes, root: Path) -> None:
    put(tmp_path / "in/opensnoop.json", package)

    made(tmp_path / "in", tmp_path / "out", matrix=str(root / "docs/matrix.json"))

    rows = index(tmp_path / "out")["opensnoop"]["evidence"]
    assert [(row["arch"], row["outcome"]) for row in rows] == [("x86", "fired")] * 4 + [("arm64", "fired")] * 4


def test_withdrawing_what_is_not_there_is_told(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/t.json", package)

    with pytest.raises(FetchError, match="--yank t@9=x: no such tool and version"):
        made(tmp_path / "in", tmp_path / "out", yanked=("t@9=x",))


def test_a_signed_hub_is_not_built_without_its_key(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/t/1.0/package.json", package)
    out = tmp_path / "out"
    made(tmp_path / "in", out)
    put(out / "index.json.sig", b"c2lnbmF0dXJl")
    before = (out / "index.json").read_bytes()
    put(tmp_path / "in/t/1.1/package.json", package)

    with pytest.raises(FetchError, match=r"out is signed: without --sign .*\[--sign KEY, or remove"):
        made(tmp_path / "in", out)

    assert (out / "index.json").read_bytes() == before
    assert (out / "index.json.sig").exists()


def test_title_and_address_stay_until_others_are_given(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "in/t/1.0/package.json", package)
    out = tmp_path / "out"
    made(tmp_path / "in", out, title="Ours", base_url="https://tools.example/hub")
    before = (out / "index.html").read_text()
    assert "sudo ecli hub add ours https://tools.example/hub/" in before

    made(tmp_path / "in", out)
    assert (out / "index.html").read_text() == before
    made(tmp_path / "in", out, base_url="https://else.example/")
    assert "sudo ecli hub add ours https://else.example/" in (out / "index.html").read_text()


def test_a_published_hub_is_taken_over_whole_or_not_at_all(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "one/t/1.0/package.json", package)
    put(tmp_path / "one/t/README.md", b"# t\n\n`t` shows **all** of [it](https://x.example/).\n")
    put(tmp_path / "two/t/1.1/package.json", package)
    made(tmp_path / "one", tmp_path / "published", title="Ours")

    done = build(str(tmp_path / "two"), Settings(str(tmp_path / "out"), previous=str(tmp_path / "published")))

    assert (done["tools"], done["versions"], done["added"]) == (1, 2, ["t 1.1"])
    assert (tmp_path / "out/t/1.0/package.json").read_bytes() == package
    assert (tmp_path / "out/t/README.md").read_bytes() == (tmp_path / "one/t/README.md").read_bytes()
    with pytest.raises(FetchError, match="is not empty"):
        made(tmp_path / "two", tmp_path / "out", previous=str(tmp_path / "published"))

    put(tmp_path / "published/t/1.0/package.json", package + b" ")
    with pytest.raises(FetchError, match=r"open .*t/1\.0/package\.json: more than the .*published/t@1\.0 may have"):
        made(tmp_path / "two", tmp_path / "new", previous=str(tmp_path / "published"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out", "published", "two"]


def test_what_is_signed_anew_was_signed_before(tmp_path: Path, package: bytes) -> None:
    put(tmp_path / "one/t/1.0/package.json", package)
    made(tmp_path / "one", tmp_path / "published")
    key = generate("ed25519")

    with pytest.raises(FetchError, match="not signed with the key of --sign"):
        made(tmp_path / "one", tmp_path / "out", previous=str(tmp_path / "published"), key=key)
    made(tmp_path / "one", tmp_path / "published", key=key)
    with pytest.raises(FetchError, match="out is signed"):
        made(tmp_path / "one", tmp_path / "out", previous=str(tmp_path / "published"))
    made(tmp_path / "one", tmp_path / "again", previous=str(tmp_path / "published"), key=key)

    assert (tmp_path / "again/index.json.sig").read_bytes() == (tmp_path / "published/index.json.sig").read_bytes()


def test_versions_that_nobody_said_and_those_that_are_withdrawn_are_named(tmp_path: Path, package: bytes) -> None:
    tree = json.loads(package)
    tree["meta"]["bpf_skel"].get("doc", {}).pop("version", None)
    put(tmp_path / "in/t/package.json", json.dumps(tree).encode())
    put(tmp_path / "in/u/1.0/package.json", package)

    done = build(str(tmp_path / "in"), Settings(str(tmp_path / "out"), yanked=("u@1.0=it  leaks",)))

    assert (done["unversioned"], done["withdrawn"]) == (["t"], ["u 1.0: it leaks"])
    with pytest.raises(FetchError, match=r"--yank u@1\.0: why\?"):
        made(tmp_path / "in", tmp_path / "out", yanked=("u@1.0",))
