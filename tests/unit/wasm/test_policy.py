"""Policies: what is allowed by default, rules, files, and the words of a refusal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.errors import PolicyError
from eunomia.wasm import kinds
from eunomia.wasm.policy import Policy, Wish
from eunomia.wasm.rules import Rules
from eunomia.wasm.words import in_python

XDP = Wish("pass", "xdp", "xdp")
CONNECT = Wish("guard", "cgroup", "cgroup/connect4")
TP = Wish("exec", "tp", "tp/sched/sched_process_exec")


def policy(allow: tuple[str, ...] = (), deny: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> Policy:
    return Policy(allow, deny, files, machine=False)


@pytest.mark.parametrize("word", sorted(kinds.TYPES))
def test_what_observes_is_allowed_and_nothing_else(word: str) -> None:
    why = policy().refuse_type(Wish("p", word, word))

    observing = {
        "tp",
        "raw_tp",
        "tp_btf",
        "kprobe",
        "uprobe",
        "usdt",
        "fentry",
        "fexit",
        "iter",
        "perf_event",
        "socket",
    }
    if word in observing:
        assert why == ""
    else:
        assert why == (
            f"programs of type {word} change or block what they are attached to: not allowed by default"
            f" [--allow prog-type={word}]"
        )
        assert policy((f"prog-type={word}",)).refuse_type(Wish("p", word, word)) == ""


@pytest.mark.parametrize(
    ("number", "attach", "section", "word"),
    [
        (2, 0, "kprobe/tcp_connect", "kprobe"), (2, 0, "uretprobe/libc.so.6:getaddrinfo", "uprobe"),
        (2, 0, "usdt", "usdt"), (2, 42, "kprobe.multi/tcp_*", "kprobe"), (2, 0, "xdp", "xdp"),
        (3, 0, "tcx/ingress", "tcx"), (3, 0, "classifier", "tc"), (3, 0, "tp/x/y", "tc"), (5, 0, "xdp", "xdp"),
        (5, 0, "lsm/path_rmdir", "lsm"),
        (6, 37, "tp/sched/sched_switch", "xdp"), (13, 3, "sockops", "sockops"), (18, 10, "cgroup/connect4", "cgroup"),
        (26, 23, "tp_btf/sched_switch", "tp_btf"), (26, 24, "fentry/x", "fentry"), (26, 26, "fentry/x", "fmod_ret"),
        (26, 24, "fmod_ret/x", "fmod_ret"),
        (26, 28, "iter/task", "iter"), (26, 0, "fentry/x", "tracing"), (28, 0, "freplace/x", "freplace"),
        (29, 27, "lsm/path_rmdir", "lsm"), (29, 43, "lsm_cgroup/socket_post_create", "lsm_cgroup"),
        (24, 0, "raw_tp.w/x", "raw_tp_writable"), (31, 0, "syscall", "syscall"), (99, 0, "tp/x/y", "99"),
        (17, 0, "lsm/path_rmdir", "lsm"), (17, 0, "fmod_ret/x", "fmod_ret"), (17, 0, "raw_tp/x", "raw_tp"),
    ],
)  # fmt: skip
def test_type_and_section_are_looked_at_and_what_changes_counts(
    number: int, attach: int, section: str, word: str
) -> None:
    assert kinds.word_of(number, attach, section) == word


def test_an_unknown_type_is_not_allowed() -> None:
    assert "programs of type 99 change or block" in policy().refuse_type(Wish("p", "99", "tp/a/b"))


def test_a_type_that_is_allowed_may_attach_anywhere_until_a_place_is_named() -> None:
    anywhere = policy(("prog-type=tp,xdp",))
    only = policy(("prog-type=xdp", "iface=eth0,veth*"))

    assert anywhere.refuse_attach(XDP, "iface:eth7") == ""
    assert only.refuse_attach(XDP, "iface:eth0,native") == ""
    assert only.refuse_attach(XDP, "veth12") == ""
    assert only.refuse_attach(XDP, "eth1") == (
        "program pass to iface:eth1: only iface:eth0, iface:veth* are allowed [--allow iface=eth1]"
    )
    assert only.refuse_attach(Wish("t", "tc", "tc"), "tc:eth1:ingress") != ""


def test_a_named_place_allows_the_types_that_go_there() -> None:
    only = policy(("iface=eth0",))

    assert only.refuse_type(XDP) == ""
    assert only.refuse_type(Wish("t", "tcx", "tcx/ingress")) == ""
    assert only.refuse_attach(Wish("t", "tcx", "tcx/ingress"), "tcx:eth0:ingress") == ""
    assert "prog-type=sockops" in only.refuse_type(Wish("s", "sockops", "sockops"))
    assert only.refuse_attach(TP, "") == ""


def test_control_groups_are_compared_resolved_with_what_is_below_them(tmp_path: Path) -> None:
    group, other = tmp_path / "x", tmp_path / "y"
    (group / "deep").mkdir(parents=True)
    other.mkdir()
    (tmp_path / "link").symlink_to(other)
    (group / "out").symlink_to(other)
    rules = policy((f"attach=cgroup:{group}",))

    assert rules.refuse_type(CONNECT) == ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{group}") == ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{group}/deep,egress") == ""
    assert rules.refuse_attach(Wish("s", "sockops", "sockops"), f"{group}/") == ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{other}") == (
        f"program guard to cgroup:{other}: only cgroup:{group} is allowed [--allow attach=cgroup:{other}]"
    )
    assert rules.refuse_attach(CONNECT, f"cgroup:{group}/../y") != ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{group}/out") != ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{group}2") != ""


def test_a_path_with_a_link_in_it_is_refused_even_where_it_leads_to_an_allowed_group(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "x")
    rules = policy((f"attach=cgroup:{tmp_path}/x",))

    assert rules.refuse_attach(CONNECT, f"cgroup:{tmp_path}/link") == (
        f"program guard to cgroup:{tmp_path}/link: its path has symbolic links or .. in it [write cgroup:{tmp_path}/x]"
    )


def test_an_interface_has_one_name_for_rules_whatever_it_is_called() -> None:
    rules = policy(("prog-type=xdp",), deny=("iface=lo",))

    for target in ("iface:lo", "iface:1", "iface:1,native", "iface:01", "lo", "1"):
        assert rules.refuse_attach(XDP, target).endswith("--deny denies it"), target
    assert rules.refuse_attach(XDP, "iface:99999") == ""
    assert rules.refuse_attach(XDP, "iface:99999999999999999999") == ""


def test_a_group_by_its_name_is_one_below_where_groups_are() -> None:
    rules = policy(("prog-type=cgroup",), deny=("attach=cgroup:/sys/fs/cgroup",))

    assert rules.refuse_attach(CONNECT, "cgroup:some/group").endswith("--deny denies it")


def test_a_relative_path_is_one_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    rules = policy((f"attach=cgroup:{tmp_path}/x",))

    assert rules.refuse_attach(CONNECT, "x") == ""
    assert rules.refuse_attach(CONNECT, "../x") != ""


def test_a_wildcard_stays_within_one_part_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "a/guest").mkdir(parents=True)
    rules = policy((f"attach=cgroup:{tmp_path}/*/guest",))

    assert rules.refuse_attach(CONNECT, f"cgroup:{tmp_path}/a/guest") == ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{tmp_path}/a") != ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{tmp_path}/guest") != ""


def test_deny_goes_before_allow() -> None:
    rules = policy(("all",), ("prog-type=xdp", "attach=kprobe:tcp_*"))

    assert rules.refuse_type(XDP) == "programs of type xdp are not allowed: --deny denies prog-type=xdp"
    assert rules.refuse_type(Wish("l", "lsm", "lsm/path_rmdir")) == ""
    assert rules.refuse_attach(Wish("k", "kprobe", "kprobe/tcp_connect"), "") == (
        "program k to kprobe:tcp_connect: --deny denies it"
    )
    assert rules.refuse_attach(Wish("k", "kprobe", "kprobe/udp_sendmsg"), "") == ""


def test_deny_all_leaves_what_is_allowed() -> None:
    rules = policy(("prog-type=tp",), ("all",))

    assert rules.refuse_type(TP) == ""
    assert rules.refuse_type(Wish("k", "kprobe", "kprobe/x")) == (
        "programs of type kprobe are not allowed: --deny all [--allow prog-type=kprobe]"
    )
    assert rules.refuse_symbols(0) == "symbols of kernel: --deny all [--allow symbols=kernel]"
    assert policy().refuse_symbols(0) == policy().refuse_symbols(12) == ""
    assert policy(deny=("symbols=processes",)).refuse_symbols(12) != ""


def test_helpers_that_change_what_they_observe_are_named() -> None:
    assert policy().refuse_calls({"override_return"}, (), [TP]) == (
        "it calls bpf_override_return(), which changes what it observes: not allowed by default"
        " [--allow helper=override_return]"
    )
    assert policy(("helper=override_return",)).refuse_calls({"override_return"}, (), [TP]) == ""
    assert policy().refuse_calls({"setsockopt"}, (), [Wish("s", "sockops", "sockops")]) == ""
    assert "bpf_setsockopt()" in policy().refuse_calls({"setsockopt"}, (), [Wish("i", "iter", "iter/tcp")])
    assert "--allow kfunc=bpf_sock_destroy" in policy().refuse_calls((), {"bpf_sock_destroy"}, [TP])


def test_sizes_of_maps_and_pins_are_limited() -> None:
    assert policy().refuse_load([TP], 1 << 20) == ""
    assert policy().refuse_load([TP], 300 << 20) == ("its maps have 300M, at most 256M may be [--allow map-size=300M]")
    assert policy(("map-size=300M",)).refuse_load([TP], 300 << 20) == ""
    assert policy(("all",)).refuse_load([TP], 1 << 40) == ""
    assert policy().refuse_load([TP], 0, [("shared", "/sys/fs/bpf/shared")]) == (
        "map shared: it is pinned at /sys/fs/bpf/shared, shared with whoever opens that: not allowed by default"
        " [--allow pin=/sys/fs/bpf/shared]"
    )
    assert policy(("pin=/sys/fs/bpf",)).refuse_load([TP], 0, [("shared", "/sys/fs/bpf/shared")]) == ""


def test_anothers_socket_is_not_observed_only() -> None:
    filtering = Wish("f", "socket", "socket")

    assert policy().refuse_attach(filtering, "socket:eth0") == ""
    assert policy().refuse_attach(filtering, "socket:,fd=3,pid=7") == (
        "program f to socket:,fd=3,pid=7: the socket is another's: not allowed by default"
        " [--allow attach=socket:,fd=3,pid=7]"
    )
    assert policy(("attach=socket:,fd=3,pid=7",)).refuse_attach(filtering, "socket:,fd=3,pid=7") == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("xdp", "allow: 'xdp': not a rule (did you mean prog-type=xdp?)"),
        ("prog-type=xpd", "allow: 'prog-type=xpd': unknown 'xpd' (did you mean xdp?)"),
        ("prog_type=xdp", "unknown 'prog_type' (did you mean prog-type?)"),
        ("prog-type=", "no value"),
        ("attach=/sys/fs/cgroup", "expected KIND:NAME, as in cgroup:/sys/fs/cgroup/x"),
        ("map-size=big", "'big' is not a size in bytes above 0"),
        ("objects=0", "'0' is not a whole number above 0"),
        ("helper=map_lookup_elem", "expected one of override_return"),
    ],
)
def test_a_wrong_rule_is_named_with_what_was_meant(rule: str, words: str) -> None:
    with pytest.raises(PolicyError) as failure:
        policy((rule,))

    assert words in str(failure.value)
    assert "\n" not in str(failure.value)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_a_file_allows_denies_and_limits(tmp_path: Path) -> None:
    path = write(
        tmp_path / "policy.toml",
        '[allow]\nprog-type = ["sockops"]\nmap-size = "1G"\nobjects = 2\n'
        '[deny]\nprog-type = "kprobe"\n[limit]\niface = ["eth*"]\nmap-size = "512M"\n',
    )
    rules = policy(("all",), files=(path,))

    assert policy(files=(path,)).refuse_type(Wish("s", "sockops", "sockops")) == ""
    assert rules.refuse_type(Wish("k", "kprobe", "kprobe/x")) == (
        f"programs of type kprobe are not allowed: {path} denies prog-type=kprobe"
    )
    assert rules.refuse_attach(XDP, "iface:eth0") == ""
    assert rules.refuse_attach(XDP, "iface:wlan0") == (
        f"program pass to iface:wlan0: the limit in {path} leaves it out"
    )
    assert rules.number("map-size") == 512 << 20
    assert rules.refuse_load([TP], 600 << 20) == f"its maps have 600M, at most 512M may be [{path} limits it]"
    assert policy(files=(path,)).number("objects") == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[allow\n", "policy"),
        ("[permit]\nall = true\n", "'permit' is none of the tables [allow], [deny], [limit]"),
        ("[allow]\nprog-types = ['xdp']\n", "[allow] prog-types: expected one of prog-type"),
        ("[allow]\nprog-type = 3\n", "[allow] prog-type: expected a list of texts"),
        ("[allow]\nprog-type = ['xpd']\n", "unknown 'xpd' (did you mean xdp?)"),
        ("[limit]\nall = true\n", "[limit] all: expected one of"),
        ("[deny]\nobjects = 3\n", "unknown 'objects'"),
    ],
)
def test_a_wrong_file_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p.toml", text)

    with pytest.raises(PolicyError) as failure:
        policy(files=(path,))
    assert words in str(failure.value)
    assert path in str(failure.value)


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.toml", "[allow]\nall = true\n")
    os.chmod(path, 0o666)

    with pytest.raises(PolicyError, match=r"others can write it \[chown root .*; chmod go-w"):
        policy(files=(path,))


def test_a_missing_file_is_an_error_and_not_an_open_door(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such file"):
        policy(files=(str(tmp_path / "none.toml"),))


def test_a_token_for_a_control_group_is_a_rule_for_it(tmp_path: Path) -> None:
    rules = policy().with_groups([str(tmp_path)])

    assert rules.refuse_type(CONNECT) == ""
    assert rules.refuse_attach(CONNECT, f"cgroup:{tmp_path}") == ""
    assert rules.refuse_attach(CONNECT, "cgroup:/") != ""
    assert policy().with_groups([]).refuse_type(CONNECT) != ""


def test_numbers_are_no_rules_to_deny() -> None:
    with pytest.raises(PolicyError, match="unknown 'objects'"):
        Rules(["objects=3"], "--deny", numbers=False)


def test_an_interface_is_known_by_its_number_too() -> None:
    assert kinds.interface("1") == kinds.interface("lo") == "lo"
    assert kinds.interface("none0") == "none0"
    assert kinds.interface("9" * 30) == "9" * 30

    for name in ("lo", "1", r"l\o", "lo:x", r"1\:egress"):
        assert policy(("all",), ("iface=lo",)).refuse_attach(XDP, f"iface:{name}") != "", name
        assert policy(("all",), ("attach=tc:lo",)).refuse_attach(Wish("t", "tc", "tc"), f"tc:{name}") != "", name
    assert policy(("iface=lo",)).refuse_attach(XDP, "iface:1") == ""


def test_ways_to_an_interface_are_narrowed_together() -> None:
    only = policy(("attach=tc:eth0",))
    tc = Wish("t", "tc", "tc")

    assert only.refuse_type(tc) == ""
    assert only.refuse_attach(tc, "tc:eth0:egress") == ""
    assert only.refuse_attach(tc, "iface:eth1") != ""
    assert only.refuse_attach(tc, "tcx:eth1") != ""


@pytest.mark.parametrize(
    ("rule", "wish"),
    [
        ("attach=raw_tp:sys_enter", Wish("w", "raw_tp_writable", "raw_tp.w/sys_enter")),
        ("attach=prog:x", Wish("r", "freplace", "freplace/x")),
        ("attach=socket:eth0", Wish("g", "sk_reuseport", "sk_reuseport")),
    ],
)
def test_narrowing_what_looks_allows_nothing_that_changes(rule: str, wish: Wish) -> None:
    assert f"[--allow prog-type={wish.word}]" in policy((rule,)).refuse_type(wish)
    assert policy((rule, f"prog-type={wish.word}")).refuse_type(wish) == ""


def test_a_place_allows_its_programs_there_and_nowhere_else() -> None:
    change = Wish("m", "fmod_ret", "fmod_ret/x")
    only = policy(("attach=fmod_ret:should_failslab",))

    assert only.refuse_attach(change, "should_failslab") == ""
    assert only.refuse_attach(change, "") != ""
    assert "change or block" in only.refuse_attach(change, "prog:other")


def test_names_that_stand_for_several_things_are_each_looked_at() -> None:
    hook = Wish("h", "lsm", "lsm/path_rmdir")
    probe = Wish("k", "kprobe", "kprobe")
    denied = policy(deny=("attach=kprobe:tcp_connect",))

    assert policy(("attach=lsm:path_*",)).refuse_attach(hook, "path_mkdir|path_rmdir") == ""
    assert policy(("attach=lsm:path_*",)).refuse_attach(hook, "path_none|file_open") != ""
    for name in ("tcp_connect", "tcp_connect+0", "none|tcp_connect", "tcp_*", "tcp:tcp_connect", r"tcp_\connect"):
        assert denied.refuse_attach(probe, f"kprobe:{name}").endswith("--deny denies it"), name
    assert denied.refuse_attach(probe, "kprobe:tcp_close") == ""
    assert policy(("attach=kprobe:tcp_*",)).refuse_attach(probe, "kprobe:tcp_c*") == ""
    assert policy(("attach=kprobe:tcp_?",)).refuse_attach(probe, "kprobe:tcp_*") != ""


def test_a_binary_is_the_same_by_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "a:b"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    (tmp_path / "link").symlink_to(tool)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    denied = policy(deny=(f"attach=uprobe:{tool}",))

    for name in (str(tool), str(tmp_path / "link"), "a:b", "link", "./link", f"{tmp_path}/../{tmp_path.name}/a:b"):
        wish = Wish("u", "uprobe", "uprobe")
        assert denied.refuse_attach(wish, f"uprobe:{name}:main,pid=1").endswith("--deny denies it"), name
        assert policy((f"attach=uprobe:{tool}",)).refuse_attach(wish, f"uprobe:{name}:main") == "", name
    assert denied.refuse_attach(Wish("u", "uprobe", "uprobe//bin/sh:main"), "") == ""


def test_what_has_no_word_is_allowed_only_with_everything() -> None:
    for word in ("tracing", "0", "99"):
        assert policy().refuse_type(Wish("p", word, "x")).endswith("[--allow all]")
        assert policy(("all",)).refuse_type(Wish("p", word, "x")) == ""


def test_what_attaches_as_a_whole_has_no_place_to_be_allowed_at() -> None:
    for kind in ("struct_ops", "syscall"):
        with pytest.raises(PolicyError, match="expected KIND:NAME"):
            policy((f"attach={kind}:x",))


def test_string_in_place_of_a_list_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"^allow is one string, a list of them is needed: \['prog-type=xdp'\]$"):
        Policy("prog-type=xdp")
    with pytest.raises(TypeError, match=r"^deny is one string"):
        Policy(deny="all")
    with pytest.raises(TypeError, match=r"^files is one string"):
        Policy(files="policy.toml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("refused: why [--allow prog-type=xdp]", "refused: why [Policy(allow=['prog-type=xdp'])]"),
        ("refused: why [--allow 'attach=cgroup:/a b']", "refused: why [Policy(allow=['attach=cgroup:/a b'])]"),
        ("missing: m.f [--link m=MODULE, …]", "missing: m.f [Guest.register() or Guest.link() offers it]"),
        ("symbols of kernel: --deny all", "symbols of kernel: deny all"),
        ("load: [x] of y", "load: [x] of y"),
    ],
)  # fmt: skip
def test_hint_is_in_the_words_of_python(line: str, said: str) -> None:
    assert in_python(line) == said
