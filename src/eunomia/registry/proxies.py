"""Connections by way of the environment's proxies: CONNECT for https, whole URLs for http.

Loopback is never asked by way of a proxy, as in curl's and Go's programs; which proxies there are is urllib's to say.
"""

from __future__ import annotations

import base64
import http.client
import ssl
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from eunomia.registry.reference import is_loopback


def https(host: str, context: ssl.SSLContext, timeout: float) -> http.client.HTTPSConnection:
    """Return a connection to `HOST[:PORT]` with TLS, tunnelled where there is a proxy for it; not yet open."""
    proxy = _proxy("https", host)
    if not proxy:
        return http.client.HTTPSConnection(host, timeout=timeout, context=context)
    place, given = _parts(proxy)
    made = http.client.HTTPSConnection(place, timeout=timeout, context=context)
    name, port = _split(host, 443)
    made.set_tunnel(name, port, given)
    return made


def http_connection(host: str, timeout: float) -> http.client.HTTPConnection:
    """Return a connection for plain HTTP to `HOST[:PORT]`, or to the proxy for it; not yet open."""
    proxy = _proxy("http", host)
    return http.client.HTTPConnection(_parts(proxy)[0] if proxy else host, timeout=timeout)


def target(url: str) -> str:
    """Return what a request names: the path, or the whole URL for a proxy of plain HTTP."""
    parts = urlsplit(url)
    if parts.scheme == "http" and _proxy("http", parts.netloc):
        return url
    return (parts.path or "/") + ("?" if parts.query else "") + parts.query


def headers(url: str) -> dict[str, str]:
    """Return what a proxy of plain HTTP must be told with each request."""
    parts = urlsplit(url)
    proxy = _proxy("http", parts.netloc) if parts.scheme == "http" else ""
    return _parts(proxy)[1] if proxy else {}


def _proxy(scheme: str, host: str) -> str:
    if is_loopback(host):
        return ""
    known = getproxies_environment()
    proxy = known.get(scheme) or known.get("all", "")
    return "" if not proxy or proxy_bypass_environment(host, known) else proxy


def _parts(proxy: str) -> tuple[str, dict[str, str]]:
    """Return `HOST[:PORT]` of a proxy and the header with the user's name and password in its URL."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    place = parts.netloc.rpartition("@")[2]
    if parts.scheme != "http" or not place:
        raise ValueError(f"the proxy {parts.scheme}://{place} is not one of http [https_proxy, http_proxy]")
    if parts.username is None:
        return place, {}
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return place, {"Proxy-Authorization": "Basic " + base64.b64encode(words).decode()}


def _split(host: str, usual: int) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "", parts.port or usual
