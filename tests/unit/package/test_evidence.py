"""Evidence in a package: which entries are kept, how they are ordered, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from eunomia.cli.evidence import read
from eunomia.errors import PackageError
from eunomia.package import Package
from eunomia.package.arches import join
from eunomia.package.evidence import add_evidence, digest, evidence_of


def entry(kernel: str = "6.12.41", arch: str = "x86", date: str = "2026-11-21", **more: Any) -> dict[str, Any]:
    return {"kernel": kernel, "arch": arch, "outcome": "fired", "reason": "1 of 1 programs ran", "date": date} | more


def again(package: Package) -> Package:
    return Package.from_bytes(package.to_json().encode(), "tool.json")


def test_package_without_evidence_has_none(torture: Package) -> None:
    assert evidence_of(torture) == []


def test_entries_are_kept_by_architecture_and_version(torture: Package) -> None:
    kernels = ["6.12.41", "5.10.0-46-cloud", "6.1.9"]
    add_evidence(torture, [entry(kernel, arch) for arch in ("x86_64", "aarch64") for kernel in kernels])

    assert [(each["arch"], each["kernel"]) for each in evidence_of(again(torture))] == [
        (arch, kernel) for arch in ("arm64", "x86") for kernel in ("5.10.0-46-cloud", "6.1.9", "6.12.41")
    ]


def test_newer_entry_takes_the_place_of_an_older_one(torture: Package) -> None:
    add_evidence(torture, [entry(date="2026-11-20", outcome="refused", reason="no kprobes"), entry()])
    assert [(each["outcome"], each["date"]) for each in evidence_of(torture)] == [("fired", "2026-11-21")]

    add_evidence(torture, [entry(date="2026-01-01", outcome="attached")])
    assert [each["outcome"] for each in evidence_of(torture)] == ["fired"]


def test_entry_about_another_build_is_refused_and_an_old_one_is_marked(torture: Package) -> None:
    add_evidence(torture, [entry(object=digest(torture))])
    assert [each["stale"] for each in evidence_of(torture)] == [False]

    torture.object += b"\0"
    assert [each["stale"] for each in evidence_of(torture)] == [True]
    with pytest.raises(
        PackageError, match=r"^`a\.json\[0\]\.object`: sha256:0, which is not .* \[the evidence is about"
    ):
        add_evidence(torture, [entry(object="sha256:0")], "a.json")
    add_evidence(torture, [entry(kernel="7.2")])
    assert [each["kernel"] for each in evidence_of(torture)] == ["7.2"]


def test_each_entry_is_about_its_architectures_object(torture: Package, torture_object: bytes) -> None:
    other = Package.from_object(torture_object + b"\0", "torture.bpf.o")
    of_arm64 = digest(other)
    package = again(join([("x86", torture), ("arm64", other)]))
    add_evidence(package.for_arch("arm64"), [entry(arch="arm64", object=of_arm64), entry(object=digest(package))])

    assert [(each["arch"], each["stale"]) for each in evidence_of(package)] == [("arm64", False), ("x86", False)]
    with pytest.raises(PackageError, match="not the package's object for arm64"):
        add_evidence(package, [entry(arch="arm64", object=digest(package))])


def test_evidence_stands_where_other_loaders_do_not_look(torture: Package) -> None:
    before = torture.to_tree()["meta"]["bpf_skel"]
    add_evidence(torture, [entry()])
    tree = torture.to_tree()

    assert tree["meta"]["bpf_skel"] == before
    assert set(tree["meta"]["eunomia"]["evidence"][0]) == {"kernel", "arch", "outcome", "reason", "date"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "`$.meta.eunomia.evidence`: expected array"),
        ([7], "`$.meta.eunomia.evidence[0]`: expected object, got int"),
        ([{}], "`$.meta.eunomia.evidence[0].kernel`: required, but missing"),
        ([entry(outcome="great")], "`$.meta.eunomia.evidence[0].outcome`: expected fired, attached, refused, failed"),
        ([entry(reason=1)], "`$.meta.eunomia.evidence[0].reason`: expected str, got int"),
        ([entry(kernel="6" * 401)], "`$.meta.eunomia.evidence[0].kernel`: 401 characters, at most 400 are read"),
    ],
)
def test_damaged_evidence_is_named_by_its_place_and_does_not_stop_the_package(
    torture: Package, value: Any, message: str
) -> None:
    torture.meta["eunomia"]["evidence"] = value
    package = again(torture)

    assert package.here() is package
    with pytest.raises(PackageError) as caught:
        evidence_of(package)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"kernel": "1"}', 1), ('[{"kernel": "1"}, {"kernel": "2"}]', 2), ('{"kernel": "1"}\n{"kernel": "2"}\n\n', 2),
        ('{\n"kernel": "1"\n}\n', 1),
        ('{"bpf_object": "", "meta": {"eunomia": {"version": 1, "evidence": [{}, {}, {}]}}}', 3),
        ('{"bpf_object": "", "meta": {}}', 0),
    ],
)  # fmt: skip
def test_files_of_evidence_are_read_in_every_form(tmp_path: Any, text: str, count: int) -> None:
    (tmp_path / "e.json").write_text(text)

    assert len(read(str(tmp_path / "e.json"))) == count


def test_file_that_is_no_evidence_is_named(tmp_path: Any) -> None:
    (tmp_path / "e.json").write_text("{no")

    with pytest.raises(PackageError, match=r"^read .*/e\.json: malformed JSON"):
        read(str(tmp_path / "e.json"))
