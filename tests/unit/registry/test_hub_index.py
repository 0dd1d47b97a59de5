"""The index of a hub: what is refused, and how versions are ordered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import FetchError
from eunomia.registry import hub_index
from support.hubs import index, tool, version


def why(data: bytes) -> str:
    with pytest.raises(FetchError) as caught:
        hub_index.parse(data, "acme")
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_an_index_is_read_and_written_canonically() -> None:
    tree = hub_index.parse(index(tool("b"), tool("a", version("1.9"), version("1.10"), version("2.0-rc1"))), "acme")

    once = hub_index.dump(tree)

    assert [each["name"] for each in json.loads(once)["tools"]] == ["a", "b"]
    assert [each["version"] for each in json.loads(once)["tools"][0]["versions"]] == ["2.0-rc1", "1.10", "1.9"]
    assert hub_index.dump(hub_index.parse(once, "acme")) == once


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "malformed JSON"),
        (b"\xff", "malformed JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"tools": NaN}', "NaN is not JSON"),
        (b"[]", "`$`: expected object, got array"),
        (b'{"eunomia_hub": "1", "tools": []}', "`$.eunomia_hub`: expected a number: it is no index of a hub"),
        (b'{"eunomia_hub": 2, "tools": []}', "version 2 of the format, this ecli reads 1 [update eunomia]"),
        (b'{"eunomia_hub": 1}', "`$.tools`: expected array"),
        (index(tool("a"), tool("a")), "`$.tools[1].name`: a is there twice"),
        (index(tool("../a")), "`$.tools[0].name`: malformed: '../a'"),
        (index(tool("a/b")), "`$.tools[0].name`: malformed"),
        (index(tool("a\x1b[2J")), "`$.tools[0].name`: malformed"),
        (index(tool("a", kind="virus")), "`$.tools[0].kind`: expected package or guest, got 'virus'"),
        (index(tool("a", summary=["x"])), "`$.tools[0].summary`: expected text, got array"),
        (index(tool("a", summary="x" * 5000)), "`$.tools[0].summary`: 5000 characters, at most 4000"),
        (index(tool("a", summary="\ud800")), "half of a surrogate pair"),
        (index(tool("a", readme="../../x")), "`$.tools[0].readme`: '../../x' is no path below the hub"),
        (index(tool("a", readme="http://x/")), "is no path below the hub"),
        (index(tool("a", needs={"kernel": 5})), "`$.tools[0].needs.kernel`: expected text, got int"),
        (index(tool("a", options=[{"name": "--x"}])), "`$.tools[0].options[0].help`: expected text"),
        (index(tool("a", evidence=[{"kernel": {}}])), "`$.tools[0].evidence[0].kernel`: expected text, got object"),
        (index(tool("a", attach=[["deep"]])), "`$.tools[0].attach[0]`: expected text, got array"),
        (index({**tool("a"), "versions": []}), "`$.tools[0].versions`: empty"),
        (index(tool("a", version(), version())), "`$.tools[0].versions[1].version`: 1.0 is there twice"),
        (index(tool("a", version("-1"))), "`$.tools[0].versions[0].version`: malformed: '-1'"),
        (index(tool("a", version(digest="sha256:ABC"))), "`$.tools[0].versions[0].digest`: malformed"),
        (index(tool("a", version(size=-1))), "`$.tools[0].versions[0].size`: expected a number of bytes"),
        (index(tool("a", version(size=1 << 40))), "`$.tools[0].versions[0].size`: expected a number of bytes"),
        (index(tool("a", version(size=True))), "`$.tools[0].versions[0].size`: expected a number of bytes"),
        (index(tool("a", version(signatures=["/etc/passwd"]))), "`$.tools[0].versions[0].signatures[0]`"),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_index_is_refused_with_its_place(data: bytes, text: str) -> None:
    said = why(data)

    assert said.startswith("read index of hub acme: ")
    assert text in said


@pytest.mark.parametrize(
    "location",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", ".", "file:///etc/passwd", "a b", "a\\b", "ftp://x/y",
     "%2e%2e/x", "a\tb", "http://x/\n", "oci://host/repo:latest", "x" * 2000, 7, None],
)  # fmt: skip
def test_a_location_that_leaves_the_hub_is_refused(location: Any) -> None:
    assert "`$.tools[0].versions[0].location`" in why(index(tool("a", version(location=location))))


@pytest.mark.parametrize(
    "location",
    ["a/1.0/package.json", "https://elsewhere.example/x.json?y=1", f"oci://reg.example:5000/a/b@sha256:{'0' * 64}"],
)
def test_locations_are_paths_urls_and_digests_in_repositories(location: str) -> None:
    tree = hub_index.parse(index(tool("a", version(location=location))), "acme")

    assert tree["tools"][0]["versions"][0]["location"] == location


def test_too_many_tools_and_too_large_an_index_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_index, "MAX_TOOLS", 2)
    assert "`$.tools`: 3 rows, at most 2" in why(index(tool("a"), tool("b"), tool("c")))
    monkeypatch.setattr(hub_index, "MAX_INDEX", 10)
    assert "at most 10 are read" in why(index())


def test_versions_are_ordered_as_numbers_and_candidates_stand_below_their_release() -> None:
    ordered = [
        "0.9",
        "1.2-alpha",
        "1.2-alpha.2",
        "1.2-alpha.10",
        "1.2-rc1",
        "1.2",
        "1.2.0",
        "1.2.9",
        "1.2.10",
        "2",
        "10",
    ]

    assert sorted(sorted(ordered), key=hub_index.order) == ordered


KEYS = st.sampled_from(["tools", "name", "kind", "versions", "version", "needs", "options", "evidence", "x"])
VALUES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_any_document_is_an_index_or_our_error(tree: Any) -> None:
    data = json.dumps({"eunomia_hub": 1, "tools": tree}).encode()

    if tree == []:
        assert hub_index.parse(data, "acme")["tools"] == []
    else:
        assert "`$.tools" in why(data)
