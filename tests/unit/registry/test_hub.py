"""Tools by name from hubs: which version, from which hub; what is kept; search; hostile places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eunomia.errors import FetchError
from eunomia.registry import hub, hubs
from eunomia.registry.hub import find
from eunomia.registry.resolve import Limits
from support import hubs as making
from support.hubs import tool, version


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.setenv("EUNOMIA_SYSTEM_HUBS", str(tmp_path / "etc/hubs.toml"))


def added(name: str, path: Path, *tools: dict[str, Any], **options: Any) -> Path:
    making.folder(path / name, *tools)
    hubs.add(hubs.Hub(name, str(path / name)), Limits(), **options)
    return path / name


def texts(*names: str) -> list[str]:
    return [found.text if (found := find(name)) else "nothing" for name in names]


def test_without_hubs_nothing_is_found() -> None:
    assert find("tool") is None
    assert find("acme/tool@1") is None
    assert hubs.load() == []


def test_the_newest_release_is_found_and_versions_by_their_beginning(tmp_path: Path) -> None:
    versions = [version(each) for each in ("1.2.9", "1.2.10", "1.20", "2.0-rc1", "0.9")]
    added("acme", tmp_path, tool("t", *versions))

    assert texts("t", "t@1.2", "t@1", "acme/t@0", "t@2.0-rc1", "t@2") == [
        "acme/t@1.20", "acme/t@1.2.10", "acme/t@1.20", "acme/t@0.9", "acme/t@2.0-rc1", "acme/t@2.0-rc1",
    ]  # fmt: skip


def test_a_version_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    added("acme", tmp_path, tool("t", version("1.2"), version("1.3")))

    with pytest.raises(FetchError, match=r"open t@1.4: no such version in hub acme \[there are 1.3, 1.2; ecli hub up"):
        find("t@1.4")


def test_a_withdrawn_version_is_found_by_its_whole_name_only(tmp_path: Path) -> None:
    withdrawn = version("1.3", yanked="loses\tevents\x1b[2J")
    added("acme", tmp_path, tool("t", version("1.2"), withdrawn), tool("gone", version(yanked="bad")))

    whole = find("t@1.3")

    assert whole is not None
    assert whole.yanked == "loses events [2J"
    assert texts("t", "t@1") == ["acme/t@1.2", "acme/t@1.2"]
    with pytest.raises(FetchError, match=r"every version in hub acme is withdrawn: bad \[gone@1.0 runs it neverthel"):
        find("gone")


def test_the_first_hub_that_has_a_name_decides(tmp_path: Path) -> None:
    added("one", tmp_path, tool("t", version("1.0")))
    added("two", tmp_path, tool("t", version("2.0")), tool("u"))

    assert texts("t", "two/t", "u", "one/u") == ["one/t@1.0", "two/t@2.0", "two/u@1.0", "nothing"]
    with pytest.raises(FetchError, match="no such version in hub one"):
        find("t@2.0")

    hubs.add(hubs.Hub("two", str(tmp_path / "two")), Limits(), first=True)
    assert texts("t") == ["two/t@2.0"]


def test_the_version_in_use_stays_until_it_is_forgotten(tmp_path: Path) -> None:
    place = added("acme", tmp_path, tool("t", version("1.0")))
    first = find("t")
    assert first is not None
    hub.keep(first)

    making.folder(place, tool("t", version("1.0"), version("2.0")))
    list(hubs.update([], Limits()))

    newest = find("t", newest=True)
    assert newest is not None
    assert (texts("t", "t@2", "acme/t"), newest.version) == (["acme/t@1.0", "acme/t@2.0", "acme/t@1.0"], "2.0")
    hub.forget(["t"])
    assert texts("t") == ["acme/t@2.0"]


def test_a_version_of_a_name_is_that_of_the_hub_in_use(tmp_path: Path) -> None:
    added("one", tmp_path, tool("t", version("1.0")))
    added("two", tmp_path, tool("t", version("2.0"), version("2.1")))
    with pytest.raises(FetchError, match=r"no such version in hub one.*\[two/t@2\.0 is the one of hub two\]"):
        find("t@2.0")

    hub.keep(find("two/t") or pytest.fail("not found"))

    assert texts("t", "t@2.0", "t@2", "one/t@1.0") == ["two/t@2.1", "two/t@2.0", "two/t@2.1", "one/t@1.0"]
    with pytest.raises(FetchError, match=r"no such version in hub two.*\[one/t@1\.0 is the one of hub one\]"):
        find("t@1.0")


def test_a_hub_that_is_added_again_keeps_its_key_its_place_and_its_certificates(tmp_path: Path) -> None:
    for name in ("one", "two"):
        added(name, tmp_path, tool("t"))
    file = Path(hubs.user_file())
    file.write_text(file.read_text().replace('/one"\n', f'/one"\nkey = "{tmp_path}/key"\nca_file = "/ca.pem"\n'))
    again = hubs.Hub("one", str(tmp_path / "one"))
    with pytest.raises(FetchError, match=r"index\.json\.sig: no such file"):
        hubs.add(again, Limits())
    assert again.options == {"key": f"{tmp_path}/key", "ca_file": "/ca.pem"}
    moved = hubs.Hub("one", str(tmp_path / "two"))
    with pytest.raises(FetchError, match=r"index\.json\.sig: no such file"):
        hubs.add(moved, Limits())
    assert moved.options == {"key": f"{tmp_path}/key"}

    hubs.remove("one")
    added("one", tmp_path, tool("t"))
    added("two", tmp_path, tool("t"))
    assert [(each.name, each.options) for each in hubs.load()] == [("two", {}), ("one", {})]


def test_the_machines_key_counts_for_a_users_hub_of_its_name(tmp_path: Path) -> None:
    added("acme", tmp_path, tool("t"))
    system = Path(hubs.system_file())
    system.parent.mkdir()
    Path(hubs.user_file()).rename(system)
    system.write_text(system.read_text() + f'key = "{tmp_path}/key"\n')
    with pytest.raises(FetchError, match=r"index\.json\.sig: no such file"):
        added("acme", tmp_path, tool("t"))


def test_removing_a_hub_removes_what_was_in_use_of_it(tmp_path: Path) -> None:
    added("acme", tmp_path, tool("t"))
    found = find("t")
    assert found is not None
    hub.keep(found)

    hubs.remove("acme")

    assert (find("t"), hub.kept(), hubs.load()) == (None, [], [])
    with pytest.raises(FetchError, match=r"no hub acme \[there are: none\]"):
        hubs.remove("acme")


def test_bytes_are_those_of_the_index_or_refused(tmp_path: Path) -> None:
    place = added("acme", tmp_path, tool("t", version(data=b"good")), tool("big", version(size=1 << 29)))
    found = find("t")
    assert found is not None
    file = place / "t/1.0/package.json"
    file.parent.mkdir(parents=True)

    file.write_bytes(b"good")
    assert hub.fetch(found, Limits()) == b"good"
    file.write_bytes(b"evil")
    with pytest.raises(FetchError, match="is not what the index of the hub says"):
        hub.fetch(found, Limits())
    file.write_bytes(b"goo")
    with pytest.raises(FetchError, match=r"3 bytes at .*, the index of the hub says 4"):
        hub.fetch(found, Limits())
    file.write_bytes(b"more than good")
    with pytest.raises(FetchError, match="more than the 4 bytes"):
        hub.fetch(found, Limits())
    large = find("big")
    assert large is not None
    with pytest.raises(
        FetchError, match=r"too large: 536870912 bytes, at most 67108864 bytes are allowed \[--max-size"
    ):
        hub.fetch(large, Limits())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("ftp://x/", "unknown URL scheme"),
        ("/nowhere", "no such folder"),
        ("http://", "no host in this URL"),
        ("https://u:p@x/", "a password in a URL"),
        ("http://elsewhere.example/", "http to another machine can be read and changed"),
        ("a\x1b]0;x", "control characters"),
    ],
)
def test_a_source_that_is_none_is_refused_and_not_kept(source: str, text: str) -> None:
    with pytest.raises(FetchError, match=text):
        hubs.add(hubs.Hub("acme", source), Limits())
    assert hubs.load() == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 65, "\x1b"])
def test_a_hubs_name_is_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="a name has letters, digits"):
        hubs.add(hubs.Hub(name, str(tmp_path)), Limits())


def test_a_hub_whose_index_is_damaged_later_keeps_the_old_one(tmp_path: Path) -> None:
    place = added("acme", tmp_path, tool("t"))
    (place / "index.json").write_text("{")

    ((changed, _, after),) = hubs.update(["acme"], Limits())

    assert changed.name == "acme"
    assert isinstance(after, FetchError)
    assert "malformed JSON" in str(after)
    assert texts("t") == ["acme/t@1.0"]


def test_hubs_are_kept_in_files_that_people_may_change(tmp_path: Path) -> None:
    added("acme", tmp_path, tool("t"))
    file = Path(hubs.user_file())
    assert f'name = "acme"\nsource = "{tmp_path}/acme"\n' in file.read_text()

    file.write_text(f"[[hub]]\nname = 'mine'\nsource = '{tmp_path}/acme'\n")
    assert [each.name for each in hubs.load()] == ["mine"]
    assert hubs.load()[0].index() is None
    list(hubs.update([], Limits()))
    assert texts("t") == ["mine/t@1.0"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[hub]]\nname = 1", r"`hub\[0\].name`"),
        ("[[hub]]\nname = 'x'", "a name and a source are required"),
        ("hub = 3", "expected tables"),
        ("hub = [3]", r"`hub\[0\].`"),
        ("[[", "hubs.toml: "),
        ("[[hub]]\nname='x'\nsource='y'\nother=1", r"`hub\[0\].other`"),
    ],
)
def test_a_malformed_file_of_hubs_is_told_with_its_place(text: str, said: str) -> None:
    file = Path(hubs.user_file())
    file.parent.mkdir(parents=True)
    file.write_text(text)

    with pytest.raises(FetchError, match=said):
        hubs.load()


def test_a_damaged_lookup_file_finds_nothing(tmp_path: Path) -> None:
    added("acme", tmp_path, tool("t"))
    lookup = Path(hub.folder()) / hub.LOOKUP
    good = lookup.read_bytes()

    for damaged in (b"", b"x", good[:40], good.replace(b"\t", b" "), b"\0" * 100, good[:-20]):
        lookup.write_bytes(damaged)
        assert find("t") is None
    lookup.write_bytes(good)
    assert texts("t") == ["acme/t@1.0"]


def test_tools_are_searched_by_all_words_and_the_best_come_first(tmp_path: Path) -> None:
    added(
        "acme",
        tmp_path,
        tool("tcplife", summary="Trace the lives of connections", attach=["tp/sock/inet_sock_set_state"]),
        tool("netstat", summary="Count tcp segments", attach=["kprobe/tcp_sendmsg"]),
        tool("tcp", summary="all", options=[{"name": "--pid", "help": "this process only"}]),
        tool("other", summary="nothing of it", needs={"capabilities": ["CAP_NET_ADMIN"]}),
    )
    there = hubs.load()

    def names(*words: str) -> list[str]:
        return [each["name"] for _, _, each in hubs.search(list(words), there)]

    assert names("TCP") == ["tcp", "tcplife", "netstat"]
    assert names("tcp", "inet_sock") == ["tcplife"]
    assert names("kprobe/tcp") == ["netstat"]
    assert names("process") == ["tcp"]
    assert names("cap_net_admin") == ["other"]
    assert names("tcp", "nowhere") == []
    assert names() == ["netstat", "other", "tcp", "tcplife"]


def test_the_index_that_was_fetched_is_kept_as_it_came(tmp_path: Path) -> None:
    place = added("acme", tmp_path, tool("t", future={"new": "key"}))

    assert hubs.load()[0].index() == json.loads((place / "index.json").read_bytes())
