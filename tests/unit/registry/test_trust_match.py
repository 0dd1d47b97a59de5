"""Patterns of rules of trust: what they match, how exactly, and what they can never be made to match."""

from __future__ import annotations

import pytest

from eunomia.errors import PolicyError
from eunomia.registry.trust_match import Pattern, place_of


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("ghcr.io/acme/*", "ghcr.io/acme/tool"),
        ("ghcr.io/acme/*", "GHCR.IO/acme/team/tool"),
        ("ghcr.io/acme/tool", "ghcr.io/acme/tool"),
        ("oci://ghcr.io/acme/*", "ghcr.io/acme/tool"),
        ("ghcr.io/acme/*", "docker://ghcr.io/acme/tool"),
        ("localhost:5000/*", "localhost:5000/tool"),
        ("*.acme.org/tools/*", "eu.acme.org/tools/x"),
        ("*/acme/*", "registry.example/acme/x"),
        ("https://acme.org/*", "https://acme.org/package.json"),
        ("https://acme.org/*", "https://acme.org:443/package.json"),
        ("https://acme.org:8443/*", "https://acme.org:8443/p"),
        ("https://acme.org/p?v=1", "https://acme.org/p?v=1"),
        ("https://acme.org/[x]/*", "https://acme.org/[x]/p"),
        ("hub:acme/*", "hub:acme/opensnoop"),
        ("file:/opt/tools/*", "file:/opt/tools/x.json"),
        ("stdin", "stdin"),
        ("*", "ghcr.io/a/b"),
        ("*", "https://x/y"),
        ("*", "hub:acme/x"),
    ],
)
def test_a_pattern_matches_what_it_names(pattern: str, name: str) -> None:
    assert Pattern(pattern).matches(place_of(name))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("ghcr.io/acme/*", "ghcr.io/acme2/tool"),
        ("ghcr.io/acme/*", "ghcr.io.evil.org/acme/tool"),
        ("ghcr.io/acme/*", "evil.org/ghcr.io/acme/tool"),
        ("ghcr.io/acme/*", "ghcr.io:5000/acme/tool"),
        ("ghcr.io/acme/*", "https://ghcr.io/acme/tool"),
        ("ghcr.io/acme/tool", "ghcr.io/acme/tool2"),
        ("https://acme.org/*", "https://acme.org.evil.org/p"),
        ("https://acme.org/*", "https://acme.org@evil.org/p"),
        ("https://acme.org/*", "https://evil.org/https://acme.org/p"),
        ("https://acme.org/*", "http://acme.org/p"),
        ("https://*.acme.org/*", "https://evil.org/x.acme.org/y"),
        ("https://*.acme.org/*", "https://acme.org/y"),
        ("https://acme.org/tools/*", "https://acme.org/tools/../evil/p"),
        ("https://acme.org/tools/*", "https://acme.org/tools/%2e%2E/evil/p"),
        ("https://acme.org/tools/*", "https://acme.org/tools/./../evil/p"),
        ("https://acme.org/p?v=1", "https://acme.org/pXv=1"),
        ("https://acme.org/[x]/*", "https://acme.org/x/p"),
        ("hub:acme/*", "hub:other/acme/x"),
        ("file:/opt/tools/*", "file:/opt/tools2/x"),
        ("*", "file:/opt/x"),
        ("*", "stdin"),
    ],
)
def test_a_pattern_matches_nothing_else(pattern: str, name: str) -> None:
    assert not Pattern(pattern).matches(place_of(name))


@pytest.mark.parametrize(
    ("exact", "loose"),
    [
        ("ghcr.io/acme/tool", "ghcr.io/acme/*"),
        ("ghcr.io/acme/*", "ghcr.io/*"),
        ("ghcr.io/*", "*.io/acme/tool"),
        ("*.acme.io/*", "*.io/*"),
        ("*.io/*", "*/acme/tool"),
        ("*/acme/*", "*/*"),
        ("*/*", "*"),
    ],
)
def test_the_host_counts_before_the_path(exact: str, loose: str) -> None:
    assert Pattern(exact).weight > Pattern(loose).weight


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a pattern"),
        (" ghcr.io/x", "not a pattern"),
        ("ghcr.io/\x1b[2J*", "not a pattern"),
        ("ftp://acme.org/*", "unknown scheme ftp"),
        ("https://acme*/x", "a `*` in the host"),
        ("gh*r.io/acme/*", "a `*` in the host"),
        ("https:///x", "no host in it"),
        ("ghcr.io", "nothing after the host [ghcr.io/* means all of it]"),
        ("https://acme.org", "nothing after the host [https://acme.org/* means all of it]"),
    ],
)
def test_what_is_no_pattern_is_told(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Pattern(text)

    assert message in str(caught.value)
