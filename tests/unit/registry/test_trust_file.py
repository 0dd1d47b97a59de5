"""Policy files: what a rule of trust may say, and the line for everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eunomia.errors import PolicyError
from eunomia.registry.trust_file import read
from eunomia.wasm.policy import Policy as GuestPolicy

PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "acme.pub").write_text(PEM)
    return tmp_path / "policy.toml"


def test_a_whole_rule(path: Path) -> None:
    path.write_text(f"""
[limit]
prog-type = ["tp"]

[[trust]]
match = ["ghcr.io/acme/*", "https://acme.org/*"]
mode = "warn"
keys = [
    "acme.pub",
    {{ pem = '''{PEM}''', not-after = 2027-01-31 }},
    {{ file = "acme.pub", not-after = "2027-02-01T12:00:00+00:00" }},
    {{ file = "acme.pub", not-after = "2027-01-31" }},
]
signed-as = ["docker.io/acme/*"]
identities = [{{ identity = "ci@acme.org", issuer = "https://issuer.example" }}]
programs = ["tracepoint", "kretprobe", "classifier", "xdp"]
hooks = ["tp/syscalls/*"]
allow-digests = ["{DIGEST}"]
deny-digests = ["{"B" * 64}"]
unsigned = "ask"

[[trust]]
match = "*"
""")

    first, last = read(str(path))

    assert (first.origin, last.origin) == (f"{path}:5", f"{path}:25")
    assert [each.text for each in first.match] == ["ghcr.io/acme/*", "https://acme.org/*"]
    assert (first.mode, first.unsigned, first.hooks) == ("warn", "ask", ("tp/syscalls/*",))
    assert [(each.name, each.pem, each.not_after) for each in first.keys] == [
        ("acme.pub", PEM.encode(), 0.0),
        ("the key in it", PEM.encode(), 1801440000.0),  # the end of that day
        ("acme.pub", PEM.encode(), 1801483200.0),
        ("acme.pub", PEM.encode(), 1801440000.0),  # a text is read as the date that it is
    ]
    assert [(each.identity, each.issuer, each.root) for each in first.identities] == [
        ("ci@acme.org", "https://issuer.example", "")
    ]
    assert [each.text for each in first.signed_as] == ["docker.io/acme/*"]
    assert first.programs == {"tp", "kprobe", "tc", "xdp"}
    assert (first.allowed, first.denied) == ({DIGEST}, {"sha256:" + "b" * 64})
    assert (last.mode, last.unsigned, last.programs, last.hooks) == ("enforce", "", None, None)
    GuestPolicy(files=[str(path)], machine=False)  # the same file is the guests' too


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[trust]]\n", ":1: match: required, but missing"),
        ('\n\n[[trust]]\nmatch = "x"\n', ":3: match: 'x': nothing after the host [x/* means all of it]"),
        ("[[trust]]\nmatch = 5\n", ":1: match: expected a text or a list of texts"),
        ("[[trust]]\nmatch = []\n", ":1: match: expected a text or a list of texts"),
        ('[[trust]]\nmatch = "*"\nmood = 1\n', ":1: mood: unknown, expected one of match, mode, keys"),
        ('[[trust]]\nmatch = "*"\nmode = "lax"\n', ":1: mode: 'lax' is none of enforce, warn"),
        ('[[trust]]\nmatch = "*"\nunsigned = true\n', ":1: unsigned: True is none of allow, ask, refuse"),
        ('[[trust]]\nmatch = "*"\nkeys = "none.pub"\n', "/none.pub: no such file or directory"),
        ('[[trust]]\nmatch = "*"\nsigned-as = "a.io/*"\n', ":1: signed-as: without keys or identities"),
        (
            f"[[trust]]\nmatch = '*'\nsigned-as = 'file:/x'\nkeys = '''{PEM}'''\n",
            ":1: signed-as: 'file:/x': only images have a name",
        ),
        ('[[trust]]\nmatch = "*"\nkeys = []\n', ":1: keys: empty: nobody could sign"),
        ('[[trust]]\nmatch = "*"\nkeys = [1]\n', ":1: keys: expected the file of a public key"),
        ('[[trust]]\nmatch = "*"\nkeys = [{}]\n', ":1: keys: expected one of file and pem"),
        ('[[trust]]\nmatch = "*"\nkeys = [{ file = "acme.pub", until = 1 }]\n', ":1: keys: 'until' is none of"),
        (
            '[[trust]]\nmatch = "*"\nkeys = [{ file = "acme.pub", not-after = "soon" }]\n',
            "not-after: 'soon' is no date",
        ),
        ('[[trust]]\nmatch = "*"\nkeys = [{ file = "acme.pub", not-after = 7 }]\n', "not-after: 7 is no date"),
        ('[[trust]]\nmatch = "*"\nkeys = "policy.toml"\n', ":1: keys: policy.toml: no public key in PEM"),
        ('[[trust]]\nmatch = "*"\nkeys = "-----BEGIN EC PRIVATE KEY-----"\n', "a private key [only its public part"),
        ('[[trust]]\nmatch = "*"\nidentities = ["x"]\n', ":1: identities: expected { identity = "),
        ('[[trust]]\nmatch = "*"\nidentities = [{ identity = "x" }]\n', ":1: identities: issuer: required, a text"),
        (
            '[[trust]]\nmatch = "*"\nidentities = [{ identity = "x", issuer = "y", root = "none" }]\n',
            "none: no such file",
        ),
        ('[[trust]]\nmatch = "*"\nprograms = ["xpd"]\n', ":1: programs: 'xpd' is none of cgroup, "),
        ('[[trust]]\nmatch = "*"\nhooks = 1\n', ":1: hooks: expected a text or a list of texts"),
        ('[[trust]]\nmatch = "*"\ndeny-digests = ["abc"]\n', ":1: deny-digests: 'abc' is not sha256: and 64"),
        ("[[trust]\n", ":1: expected ']]' at the end of an array declaration (column 8)"),
        ("trust = 5\n", ": trust: expected tables, each begun with [[trust]]"),
        ("[trusts]\n", ": 'trusts' is none of the tables [[trust]], [allow], [deny], [limit]"),
        ("allow = 5\n", ": 'allow' is none of the tables"),
        ("trust = [{}]\n", " rule 1: match: required, but missing"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_place(path: Path, text: str, message: str) -> None:
    path.write_text(text)

    with pytest.raises(PolicyError) as caught:
        read(str(path))

    assert str(caught.value).startswith(f"policy {path}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_users_file_has_no_tables_for_guests(path: Path) -> None:
    path.write_text("[limit]\n")

    with pytest.raises(PolicyError, match=re.escape("[limit] is for guests, and is not read from here")):
        read(str(path), guests=False)


@pytest.mark.parametrize("name", ["policy.toml", "acme.pub"])
def test_what_others_can_write_is_not_believed(path: Path, name: str) -> None:
    path.write_text('[[trust]]\nmatch = "*"\nkeys = "acme.pub"\n')
    (path.parent / name).chmod(0o666)

    with pytest.raises(PolicyError, match="others can write it"):
        read(str(path))


def test_a_fifo_is_no_policy(path: Path) -> None:
    import os

    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    try:
        with pytest.raises(PolicyError, match="no regular file"):
            read(str(path))
    finally:
        os.close(reader)
        os.close(writer)


def test_a_file_without_rules_has_none(path: Path) -> None:
    path.write_text("[limit]\nprog-type = ['tp']\n")

    assert read(str(path)) == []
