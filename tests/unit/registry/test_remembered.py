"""What was allowed and verified before: kept for whom it was asked, and for nobody else's file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.registry import remembered
from eunomia.registry.gate import _question
from eunomia.registry.resolve import Program
from eunomia.registry.source import Source
from eunomia.registry.trust import Identity, Key, Rule
from eunomia.registry.trust_match import Pattern

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "eunomia"


def only_file(folder: Path) -> Path:
    (found,) = [path for path in folder.rglob("*") if path.is_file()]
    return found


def test_answers_are_kept_by_source_and_digest() -> None:
    assert remembered.allowed("ghcr.io/a/b:1") == {}

    assert not remembered.allow("ghcr.io/a/b:1", ONE, 5.5)
    assert not remembered.allow("ghcr.io/a/b:1", TWO, 7)
    assert not remembered.allow("ghcr.io/a/b:1", ONE, 9)

    assert list(remembered.allowed("ghcr.io/a/b:1").items()) == [(TWO, 7), (ONE, 9)]
    assert remembered.allowed("ghcr.io/a/b:2") == {}


def test_only_so_many_digests_of_a_source_are_kept() -> None:
    for number in range(70):
        remembered.allow("x", f"sha256:{number:064x}", number)

    assert len(remembered.allowed("x")) == 64
    assert f"sha256:{0:064x}" not in remembered.allowed("x")


def test_a_name_cannot_write_a_line(state: Path) -> None:
    remembered.allow(f"x\n{TWO} 1", ONE, 1)

    assert remembered.allowed(f"x\n{TWO} 1") == {ONE: 1}


@pytest.mark.parametrize("mode", [0o666, 0o622])
def test_what_others_can_write_is_not_believed(mode: int, state: Path) -> None:
    remembered.allow("x", ONE, 1)
    remembered.keep_verified(b"question", "acme.pub", 0)
    for path in state.rglob("*"):
        if path.is_file():
            path.chmod(mode)

    assert remembered.allowed("x") == {}
    assert remembered.verified(b"question", 1) == ("", "")


def test_a_folder_that_others_can_write_is_not_used(state: Path) -> None:
    remembered.allow("x", ONE, 1)
    state.chmod(0o777)

    assert remembered.allowed("x") == {}
    assert "can be written by others [chmod go-w " in remembered.allow("x", ONE, 1)


def test_a_link_is_not_followed(state: Path, tmp_path: Path) -> None:
    remembered.allow("x", ONE, 1)
    path = only_file(state)
    os.rename(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert remembered.allowed("x") == {}


def test_a_verification_is_kept_until_it_ends() -> None:
    remembered.keep_verified(b"one", "acme.pub", 100)
    remembered.keep_verified(b"two", "acme.pub", 0, "https://x/y.sig")
    remembered.keep_verified(b"three", "evil\nname", 0)

    assert [remembered.verified(b"one", now) for now in (99, 100)] == [("acme.pub", ""), ("", "")]
    assert remembered.verified(b"two", 1e12) == ("acme.pub", "https://x/y.sig")
    assert remembered.verified(b"three", 1) == ("", "")


def test_a_record_under_another_name_is_none(state: Path) -> None:
    remembered.keep_verified(b"one", "acme.pub", 0)
    path = only_file(state)
    remembered.keep_verified(b"two", "other.pub", 0)
    (other,) = [each for each in path.parent.iterdir() if each != path]
    other.write_bytes(path.read_bytes())

    assert remembered.verified(b"two", 1) == ("", "")


def test_whatever_an_answer_depends_on_makes_another_question() -> None:
    def question(**changed: object) -> bytes:
        source = Source(
            "oci",
            "x",
            changed.get("name", "ghcr.io/a/b"),
            tag=changed.get("tag", "1"),
            digest=changed.get("image", ONE),
        )
        rule = Rule("policy.toml:1", [Pattern("*")])
        until = changed.get("until", 0.0)
        rule.keys = [Key("a.pub", changed.get("pem", b"A"), until)]
        if "more" in changed:
            rule.keys.append(Key("b.pub", b"B"))
        rule.identities = [Identity(changed.get("who", "me"), "issuer", "root.json", changed.get("root", b"R"))]
        return _question(Program(b"", "", source), changed.get("data", TWO), rule, changed.get("now", 50.0))

    variants = [
        question(), question(name="ghcr.io/a/c"), question(tag="2"), question(image=TWO), question(data=ONE),
        question(pem=b"B"), question(until=99.0), question(until=99.0, now=100.0), question(more=True),
        question(who="you"), question(root=b"S"),
    ]  # fmt: skip

    assert question() == variants[0]
    assert len(set(variants)) == len(variants)
