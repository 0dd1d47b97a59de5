"""Challenges are input from outside: what is read of them, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eunomia.registry.auth import Challenge, basic, challenges
from eunomia.registry.credentials import Credentials


def shown(found: list[Challenge]) -> list[tuple[str, dict[str, str]]]:
    return [(each.scheme, each.parameters) for each in found]


def test_challenges_of_registries_are_read() -> None:
    docker = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'

    assert shown(challenges(docker)) == [
        (
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "repository:a/b:pull,push",
            },
        )
    ]
    assert shown(challenges('Negotiate, basic REALM = "a \\"b\\" c" , charset=UTF-8')) == [
        ("negotiate", {}),
        ("basic", {"realm": 'a "b" c', "charset": "UTF-8"}),
    ]


def test_first_of_two_equal_parameters_counts() -> None:
    assert shown(challenges('Bearer realm="https://a",realm="https://b"')) == [("bearer", {"realm": "https://a"})]


def test_what_is_malformed_ends_them() -> None:
    assert challenges("") == challenges('="x"') == challenges("\x00\x01") == []
    assert shown(challenges('Bearer realm="https://a')) == [("bearer", {"realm": "https://a"})]
    assert shown(challenges('Bearer realm="a" "b" Basic')) == [("bearer", {"realm": "a"})]


@given(st.text(max_size=200) | st.text(alphabet='Bearer realm="https://a",\\= \t', max_size=200))
def test_any_header_gives_challenges(text: str) -> None:
    for each in challenges(text):
        assert each.scheme
        assert all(name and name == name.lower() for name in each.parameters)


def test_very_long_header_is_bounded() -> None:
    assert len(challenges("a " * 1_000_000)) <= 8192


def test_secrets_are_not_in_a_repr() -> None:
    known = Credentials("me", "secret", "token")

    assert repr(known) == "Credentials('me')"
    assert basic(Credentials("me", "pä:ss")) == "Basic bWU6cMOkOnNz"
