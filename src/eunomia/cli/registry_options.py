"""The options of every command that talks to a registry."""

from __future__ import annotations

from eunomia.cli.fetch_table import FETCH_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values

CONNECTION = tuple(each for each in FETCH_OPTIONS if each.long in ("plain-http", "ca-file", "timeout"))


def connection(values: Values) -> dict[str, Any]:
    """Return the keyword arguments of registry.client.Client that the options say."""
    return {
        "plain_http": True if values["plain-http"] else None,
        "ca_file": values["ca-file"] or "",
        "timeout": values["timeout"],
    }
