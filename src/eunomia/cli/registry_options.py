"""The options of every command that talks to a registry."""

from __future__ import annotations

from eunomia.cli.parser import Opt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values

GROUP = "Fetching"
PLAIN_HTTP = Opt(
    "plain-http",
    "",
    "flag",
    "talk to the registry without TLS; loopback needs no such word",
    default=False,
    group=GROUP,
)
CA_FILE = Opt("ca-file", "", "file", "trust the certificates in this PEM file too, for registries", "FILE", group=GROUP)
TIMEOUT = Opt(
    "timeout",
    "",
    "seconds",
    "time limit of each connection, answer and stretch of a transfer",
    default=30.0,
    group=GROUP,
)
CONNECTION = (PLAIN_HTTP, CA_FILE, TIMEOUT)


def connection(values: Values) -> dict[str, Any]:
    """Return the keyword arguments of registry.client.Client that the options say."""
    return {
        "plain_http": True if values["plain-http"] else None,
        "ca_file": values["ca-file"] or "",
        "timeout": values["timeout"],
    }
