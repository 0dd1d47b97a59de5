"""URLs of outside, and what a status line says: any input gives a value or our error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.registry.transport import TransportError, absolute, origin

BASE = "https://r.io/v2/org/tool/blobs/uploads/"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/x?state=a%2Fb&_x=1", "https://r.io/v2/x?state=a%2Fb&_x=1"),
        ("uuid?x=1", "https://r.io/v2/org/tool/blobs/uploads/uuid?x=1"),
        ("//cdn.io/x", "https://cdn.io/x"),
        ("http://u:p@cdn.io/x#part", "http://cdn.io/x"),
        ("https://cdn.io/a b\u00e4?q=\u20ac", "https://cdn.io/a%20b%C3%A4?q=%E2%82%AC"),
        ("HTTPS://CDN.io:443/x", "https://CDN.io:443/x"),
    ],
)
def test_locations_become_urls(location: str, url: str) -> None:
    assert absolute(BASE, location) == url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://R.io/x", ("https", "r.io")),
        ("https://r.io:443/", ("https", "r.io")),
        ("https://r.io:80/", ("https", "r.io:80")),
        ("http://[::1]:5000/v2/", ("http", "[::1]:5000")),
        ("http://user@r.io:80", ("http", "r.io")),
    ],
)
def test_hosts_are_compared_without_their_usual_port(url: str, found: tuple[str, str]) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "r.io",
        "https://",
        "https://r.io:x/",
        "https://r.io:99999/",
        "https://[::1/",
        "mailto:a@b",
        "https://a b/",
        "https://r\u00e4.io/",
    ],
)
def test_what_has_no_host_is_refused(url: str) -> None:
    with pytest.raises(TransportError, match="not a URL"):
        origin(url)


@given(
    st.text(max_size=80)
    | st.text(alphabet="htps:/[]@?#%. \r\n\x00", max_size=80)
    | st.text(max_size=9).map("//".__add__)
)
def test_any_location_is_a_url_or_our_error(location: str) -> None:
    try:
        url = absolute(BASE, location)
        scheme, host = origin(url)
    except TransportError:
        return

    assert url.isascii()
    assert host
    assert not set(url) & set("\r\n\x00 ")
    assert scheme == scheme.lower()
