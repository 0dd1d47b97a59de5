"""Documents of every kind give a package, or an error that names the place."""

from __future__ import annotations

import base64
import copy
import io
import json
import struct
import sys
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eunomia.cli.inspect import page
from eunomia.errors import LegacyPackageError, MissingDependencyError, OptionError, PackageError
from eunomia.package import Package, codec
from eunomia.package.archive import dump_yaml, parse_yaml
from eunomia.package.describe import describe

DATA = Path(__file__).parents[2] / "data"
SIMPLE = (DATA / "simple-0.3.3.json").read_bytes()
INT128 = (DATA / "int128-0.3.2.json").read_bytes()
TREE: dict[str, Any] = json.loads(SIMPLE)


def changed(path: str, value: Any) -> bytes:
    """The simple package with the value at a dotted path replaced, `...`: removed."""
    tree = copy.deepcopy(TREE)
    *parents, last = (int(word) if word.isdigit() else word for word in path.split("."))
    place: Any = tree
    for word in parents:
        place = place[word]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(tree).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(PackageError) as caught:
        Package.from_bytes(data)
    return str(caught.value)


def test_package_of_upstream_is_read_whole() -> None:
    package = Package.from_bytes(SIMPLE)

    assert package.name == "simple_bpf"
    assert len(package.object) == TREE["bpf_object_size"] == 2192
    assert [(option.name, option.type, option.offset, option.kind) for option in package.options()] == [
        ("pid_filter", "pid_t", 0, "int")
    ]
    assert package.types.licence == "Dual BSD/GPL"


def test_package_without_programs_has_null_for_them() -> None:
    package = Package.from_bytes(INT128)

    assert package.meta["bpf_skel"]["progs"] is None
    assert package.meta["export_types"][0]["members"][0] == {"name": "a", "type": "__int128_t"}
    assert package.options() == []


@pytest.mark.parametrize("data", [SIMPLE, INT128], ids=["simple", "int128"])
def test_what_is_written_is_what_was_read(data: bytes) -> None:
    package = Package.from_bytes(data)
    again = Package.from_bytes(package.to_json().encode())

    assert again.meta == package.meta == json.loads(data)["meta"]
    assert again.object == package.object
    assert again.to_json() == package.to_json()
    keys = list(json.loads(package.to_json()))
    assert keys == sorted(keys) == ["bpf_object", "bpf_object_size", "meta"]


def test_unknown_keys_are_kept_at_every_level() -> None:
    tree = copy.deepcopy(TREE)
    tree["future"] = {"a": [1, None]}
    tree["meta"]["future"] = 1
    tree["meta"]["bpf_skel"]["maps"][0]["future"] = "x"
    tree["meta"]["bpf_skel"]["data_sections"][0]["variables"][0]["size"] = 4

    again = json.loads(Package.from_bytes(json.dumps(tree).encode()).to_json())

    assert again["future"] == tree["future"]
    assert again["meta"] == tree["meta"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("bpf_object", ..., "`$.bpf_object`: required, but missing"),
        ("bpf_object", 5, "`$.bpf_object`: expected str, got int"),
        ("bpf_object_size", "x", "`$.bpf_object_size`: expected int, got str"),
        ("bpf_object_size", True, "`$.bpf_object_size`: expected int, got bool"),
        ("meta", ..., "`$.meta`: required, but missing"),
        ("meta", [], "`$.meta`: expected object, got array"),
        ("meta.bpf_skel", ..., "`$.meta.bpf_skel`: required, but missing"),
        ("meta.bpf_skel.obj_name", 1, "`$.meta.bpf_skel.obj_name`: expected str, got int"),
        ("meta.bpf_skel.data_sections", None, "`$.meta.bpf_skel.data_sections`: expected array, got null"),
        ("meta.bpf_skel.maps", ..., "`$.meta.bpf_skel.maps`: required, but missing"),
        ("meta.bpf_skel.progs", ..., "`$.meta.bpf_skel.progs`: required, but missing"),
        ("meta.bpf_skel.maps.0.name", 5, "`$.meta.bpf_skel.maps[0].name`: expected str, got int"),
        ("meta.bpf_skel.maps.1.ident", ..., "`$.meta.bpf_skel.maps[1].ident`: required, but missing"),
        ("meta.bpf_skel.maps.0.mmaped", None, "`$.meta.bpf_skel.maps[0].mmaped`: expected bool, got null"),
        ("meta.bpf_skel.maps.0.sample", {}, "`$.meta.bpf_skel.maps[0].sample.interval`: required, but missing"),
        (
            "meta.bpf_skel.maps.0.sample",
            {"interval": 1, "type": "cubic"},
            "`$.meta.bpf_skel.maps[0].sample.type`: expected default_kv, log2_hist, linear_hist, got 'cubic'",
        ),
        (
            "meta.bpf_skel.maps.0.intepreter",
            "stack_trace",
            '`$.meta.bpf_skel.maps[0].intepreter`: expected "default_struct" or {"stack_trace": {…}}, got',
        ),
        ("meta.bpf_skel.progs.0.link", 1, "`$.meta.bpf_skel.progs[0].link`: expected bool, got int"),
        ("meta.bpf_skel.doc", {"version": 1}, "`$.meta.bpf_skel.doc.version`: expected str, got int"),
        (
            "meta.bpf_skel.data_sections.0.variables.0.cmdarg",
            None,
            "`$.meta.bpf_skel.data_sections[0].variables[0].cmdarg`: expected object, got null",
        ),
        (
            "meta.bpf_skel.data_sections.0.variables.0.cmdarg",
            {"short": "ab"},
            "`$.meta.bpf_skel.data_sections[0].variables[0].cmdarg.short`: expected one character, got 'ab'",
        ),
        (
            "meta.bpf_skel.data_sections.0.variables.0.description",
            4,
            "`$.meta.bpf_skel.data_sections[0].variables[0].description`: expected str, got int",
        ),
        ("meta.export_types", None, "`$.meta.export_types`: expected array, got null"),
        ("meta.poll_timeout_ms", "x", "`$.meta.poll_timeout_ms`: expected int, got str"),
        ("meta.enable_multiple_export_types", 0, "`$.meta.enable_multiple_export_types`: expected bool, got int"),
        ("bpf_object_size", 2191, "`$.bpf_object_size`: 2191 in the package, but the object inflates to more"),
        ("bpf_object_size", 2193, "`$.bpf_object_size`: 2193 in the package, but the object has 2192 bytes"),
        ("bpf_object_size", 1 << 60, f"`$.bpf_object_size`: {1 << 60} bytes, at most {codec.MAX_OBJECT} are read"),
        ("bpf_object", "!!", "`$.bpf_object`: malformed base64: only base64 data is allowed"),
        ("bpf_object", TREE["bpf_object"][:40] + "\n" + TREE["bpf_object"][40:], "`$.bpf_object`: malformed base64"),
        ("bpf_object", TREE["bpf_object"][:-2], "`$.bpf_object`: malformed base64: incorrect padding"),
        ("bpf_object", base64.b64encode(b"plain").decode(), "`$.bpf_object`: malformed compressed data"),
        ("bpf_object", base64.b64encode(base64.b64decode(TREE["bpf_object"])[:-9]).decode(), "cut off after"),
        (
            "bpf_object",
            base64.b64encode(base64.b64decode(TREE["bpf_object"]) + b"more").decode(),
            "`$.bpf_object`: malformed compressed data: 4 more bytes after its end",
        ),
    ],
)
def test_error_names_the_place(path: str, value: Any, message: str) -> None:
    assert message in refusal(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta.bpf_skel.maps", None),
        ("meta.bpf_skel.progs", None),
        ("meta.bpf_skel.doc", None),
        ("meta.bpf_skel.maps.0.sample", None),
        ("meta.bpf_skel.data_sections.0.variables.0.value", None),
        ("meta.bpf_skel.data_sections.0.variables.0.description", None),
        ("meta.bpf_skel.data_sections.0.variables.0.cmdarg", {"default": None, "long": None, "short": None}),
        ("meta.bpf_skel.maps.0.intepreter", {"stack_trace": {"field_map": {"pid": None}}}),
    ],
)
def test_null_means_absent_where_upstream_takes_it(path: str, value: Any) -> None:
    assert Package.from_bytes(changed(path, value)).name == "simple_bpf"


def test_inflating_stops_at_the_stated_size() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50 << 20))).decode()

    assert "inflates to more" in refusal(changed("bpf_object", bomb))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"{", "malformed JSON: expecting property name enclosed in double quotes at line 1, column 2"),
        (b'{\n "a": 1,\n "b": }', "at line 3, column 7"),
        (b'{"a": NaN}', "malformed JSON: NaN is not JSON"),
        (b"{} trailing", "malformed JSON: extra data at line 1, column 4"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"[1, 2]", "not a package"),
        (b"\0asm\1\0\0\0", "a Wasm module, not a package"),
        (b"\x1f\x8b\x08", "gzip data"),
        (b"<html>", "an HTML or XML page"),
        (b"#include <x.h>\nint f SEC(1)", "C source, not a package"),
        (b"\x7fELF", "4 bytes, an ELF header alone has 64"),
        (SIMPLE[:300], "malformed JSON: unterminated string"),
    ],
)
def test_what_is_no_package_is_said(data: bytes, message: str) -> None:
    assert message in refusal(data)


def test_flat_packages_of_2022_are_recognised() -> None:
    flat = {"name": "x", "version": "0.1", "data_sz": 10, "data": "f0VM\nRg==", "maps": [], "progs": []}

    with pytest.raises(LegacyPackageError, match=r"a flat package of before 2022-11 .*compile its source again"):
        Package.from_bytes(json.dumps(flat).encode())
    with pytest.raises(LegacyPackageError, match="`ebpf_data`"):
        Package.from_bytes(json.dumps({"ebpf_data": json.dumps(flat)}).encode())


def test_packages_of_2022_10_are_recognised() -> None:
    tree = {"bpf_object": TREE["bpf_object"], "meta": TREE["meta"]}

    with pytest.raises(LegacyPackageError, match="2022-10"):
        Package.from_bytes(json.dumps(tree).encode())
    old = changed("meta.export_types", {"export_btf": "AA==", "structs": [{"id": 1, "name": "event"}]})
    with pytest.raises(LegacyPackageError, match="2022-10"):
        Package.from_bytes(old)


def test_bare_meta_is_read_together_with_its_object() -> None:
    elf = Package.from_bytes(SIMPLE).object
    meta = json.dumps(TREE["meta"]).encode()

    assert Package.from_parts(meta, elf).to_json() == Package.from_bytes(SIMPLE).to_json()
    assert "a meta without its object" in refusal(meta)


def test_an_object_is_a_package_with_inferred_meta(torture_object: bytes) -> None:
    package = Package.from_bytes(torture_object, "dir/torture.bpf.o")

    assert package.name == "torture_bpf"
    assert [entry["name"] for entry in package.meta["export_types"]] == [
        "event",
        "other",
        "stack_key",
    ]  # dummy pointers


def test_yaml_holds_the_same_tree() -> None:
    package = Package.from_bytes(SIMPLE)

    assert Package.from_bytes(package.to_yaml().encode()).to_json() == package.to_json()
    assert "read YAML: " in refusal(b"bpf_object: [unclosed")
    dated = package.to_yaml() + "later: 2024-01-01\n1: x\n"
    with pytest.raises(PackageError, match="write package"):
        Package.from_bytes(dated.encode()).to_json()
    assert "aliases are not allowed" in refusal(b"bpf_object: &a [x]\nmeta: [*a, *a]\n")


def test_yaml_of_a_tree_with_a_part_that_is_there_twice_reads_back() -> None:
    shared = [{"name": "a", "value": 1}]
    tree = {"meta": {"choices": shared, "cmdarg": {"choices": shared}}}

    assert parse_yaml(dump_yaml(tree)) == tree


def test_yaml_without_its_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(MissingDependencyError, match=r"PyYAML is not installed \[pip install pyyaml\]"):
        Package.from_bytes(b"bpf_object: x\n")


# BTF with nothing but an empty string
BTF = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 1) + b"\0"
OTHER = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 3) + b"\0x\0"


def test_tar_carries_the_btf_of_other_kernels() -> None:
    package = Package.from_bytes(SIMPLE)
    package.btf_archive = {"ubuntu/20.04/x86_64/5.4.0-91-generic.btf": BTF}

    data = package.to_tar()
    again = Package.from_bytes(data)

    assert data == package.to_tar()
    assert again.to_json() == package.to_json()
    assert again.archived_btf("ubuntu", "20.04", "x86_64", "5.4.0-91-generic") == BTF
    assert again.archived_btf("debian", "12", "x86_64", "6.1") is None
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert names == [
        "./btfhub-archive/ubuntu/20.04/x86_64/5.4.0-91-generic.btf",
        "package.json",
        "simple",
    ]  # the source's name, as upstream has it


def tar_of(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_kernels_with_the_same_types_share_them_in_the_tar() -> None:
    package = Package.from_bytes(SIMPLE)
    package.btf_archive = {f"debian/12/x86_64/6.1.{number}.btf": BTF for number in range(3)}

    data = package.to_tar()

    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        kinds = [(member.name[-7:], member.islnk(), member.linkname[-7:]) for member in tar][:3]
    assert kinds == [("1.0.btf", False, ""), ("1.1.btf", True, "1.0.btf"), ("1.2.btf", True, "1.0.btf")]
    assert Package.from_bytes(data).btf_archive == package.btf_archive


@pytest.mark.parametrize(
    ("archive", "found"),
    [
        ({"debian/12/x86_64/6.1.btf": BTF, "ubuntu/20.04/x86_64/6.1.btf": OTHER}, BTF),  # the whole path
        ({"debian/12/amd64/6.1.btf": BTF}, BTF),
        (
            {"debian/11/x86_64/6.1.btf": BTF, "ubuntu/20.04/x86_64/6.1.btf": OTHER},
            BTF,
        ),  # the distribution's before others'
        ({"any/any/x86_64/6.1.btf": BTF}, BTF),
        ({"any/any/any/6.1.btf": BTF}, BTF),
        ({"ubuntu/20.04/x86_64/6.1.btf": BTF}, BTF),  # in a container os-release is another's
        ({"ubuntu/20.04/x86_64/6.1.btf": BTF, "fedora/33/x86_64/6.1.btf": OTHER}, None),  # nothing says which
        ({"ubuntu/20.04/x86_64/6.1.btf": BTF, "fedora/33/x86_64/6.1.btf": BTF}, BTF),
        ({"debian/12/arm64/6.1.btf": BTF, "debian/12/x86_64/6.1.0.btf": BTF}, None),
        ({"debian/12/x86_64/6.1.btf": b"not BTF", "any/any/x86_64/6.1.btf": BTF}, BTF),
        ({"debian/12/x86_64/6.1.btf": BTF[:-1]}, None),
    ],
)
def test_archive_is_searched_by_path_then_by_machine_and_release(
    archive: dict[str, bytes], found: bytes | None
) -> None:
    package = Package.from_bytes(SIMPLE)
    package.btf_archive = archive

    assert package.archived_btf("debian", "12", "x86_64", "6.1") == found


def test_wrong_archive_does_not_stop_the_package() -> None:
    link, lone = tarfile.TarInfo("btfhub-archive/a/b/c/d.btf"), tarfile.TarInfo("btfhub-archive/a/b/c/e.btf")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
    lone.type, lone.linkname = tarfile.LNKTYPE, "btfhub-archive/nowhere"
    whole = tar_of(
        (link, b""), (lone, b""), ("btfhub-archive/f.btf", BTF), ("package.json", SIMPLE), ("x", bytes(4096))
    )
    broken = bytearray(tar_of(("btfhub-archive/e.btf", BTF), ("btfhub-archive/f.btf", BTF), ("package.json", SIMPLE)))
    broken[1024 + 100] ^= 1  # of the second header

    package = Package.from_bytes(whole)
    assert (package.name, package.btf_archive) == ("simple_bpf", {"f.btf": BTF})
    assert package.archive_damage == "btfhub-archive/a/b/c/d.btf is no regular file"
    cut = tar_of(("package.json", SIMPLE), ("x", bytes(90_000)))[:-60_000]
    assert "truncated?" in Package.from_bytes(cut).archive_damage
    assert Package.from_bytes(bytes(broken)).archive_damage == "a header in it is damaged"


def test_tar_members_cannot_leave_the_archive() -> None:
    link = tarfile.TarInfo("package.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"

    assert "leaves the archive" in refusal(tar_of(("../package.json", SIMPLE)))
    assert "leaves the archive" in refusal(tar_of(("btfhub-archive/../../x.btf", b""), ("package.json", SIMPLE)))
    assert "leaves the archive" in refusal(tar_of(("/package.json", SIMPLE)))
    assert "is no regular file" in refusal(tar_of((link, b"")))
    assert "no package.json at its root" in refusal(tar_of(("dir/package.json", SIMPLE)))
    assert "read tar" in refusal(tar_of(("package.json", SIMPLE))[:1000])


def test_options_of_a_package_without_btf_are_none() -> None:
    tree = copy.deepcopy(TREE)
    package = Package(b"\x7fELF" + Package.from_bytes(SIMPLE).object[4:].replace(b".BTF\0", b".XXX\0"), tree["meta"])

    assert package.options() == []
    with pytest.raises(OptionError, match="has no such variable"):
        package.settings({"pid_filter": 1})


# any bytes


def survives(data: bytes) -> None:
    """Reading gives a value or PackageError, and so does everything that is derived from it."""
    try:
        package = Package.from_bytes(data)
        package.settings()
        package.plan()
        "\n".join(page(describe(package)))
    except (PackageError, OptionError):
        return
    Package.from_bytes(package.to_json().encode())


@given(st.binary(max_size=400))
def test_any_bytes_give_a_package_or_an_error(data: bytes) -> None:
    survives(data)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


TORTURE = (DATA / "torture.bpf.o").read_bytes()
RICH = json.loads(Package.from_object(TORTURE, "t", event_types={"rb": ["event"]}).to_json())
RICH["meta"]["bpf_skel"]["maps"][2]["sample"] = {"interval": 100, "type": "log2_hist", "unit": "us", "clear_map": True}
RICH["meta"]["bpf_skel"]["maps"][5]["intepreter"] = {"stack_trace": {"field_map": {"pid": "pid"}}}
PLACES = places(RICH)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), JSON_VALUES)
def test_any_value_anywhere_gives_a_package_or_an_error(path: tuple[Any, ...], value: Any) -> None:
    tree = copy.deepcopy(RICH)
    place: Any = tree
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    survives(json.dumps(tree).encode())


@settings(max_examples=150)
@given(st.integers(0, len(SIMPLE) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_a_package_or_an_error(at: int, byte: int) -> None:
    survives(SIMPLE[:at] + bytes([byte]) + SIMPLE[at + 1 :])


def test_a_json_array_is_not_called_something_else() -> None:
    assert refusal(b"[]") == "read package: not a package: JSON, perhaps, but not an object"
