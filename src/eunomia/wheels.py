"""Which wheel has which modules: the first has what runs packages, and must stay small; the others are extras.

packaging/ makes them of this table, and errors.missing_part() says by it what to install.
"""

from __future__ import annotations

# Wheel: the extra of eunomia that brings it, what it does, and its modules below `eunomia.` with what is in them;
# `*` ends a pattern.
WHEELS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "eunomia-compiler": (
        "compile",
        "compile and publish",
        ("compiler", "publish", "cli.ecc", "cli.ecc_*", "cli.export", "cli.key", "cli.push", "cli.sign", "cli.docs"),
    ),
    "eunomia-registry": (
        "oci",
        "registries, hubs and signatures",
        (
            "registry.*",
            *(f"cli.{each}" for each in ("hub", "info", "install", "login", "logout", "search", "upgrade")),
            *(f"cli.{each}" for each in ("passphrase", "verify")),
        ),
    ),
    "eunomia-wasm": (
        "wasm",
        "the host of guests",
        ("wasm", *(f"cli.{each}" for each in ("detach_guest", "event_guests", "guest", "inspect_guest"))),
    ),
}


# Of these rooms the first wheel has what a run of a file, a URL, a name or a kept reference needs.
FIRST = {
    *(
        f"registry.{each}"
        for each in ("config", "download", "folder", "gate", "holding", "http", "hub", "lock", "names")
    ),
    *(f"registry.{each}" for each in ("pruning", "reference", "remembered", "remote", "resolve", "source", "store")),
    *(f"registry.{each}" for each in ("tls", "trust", "trust_file", "trust_match")),
}


def wheel_of(module: str) -> str:
    """Return the wheel that has a module of eunomia, "" for the first one.

    Args:
        module: its name below `eunomia.`, as in `compiler.build`.
    """
    if module in FIRST:
        return ""
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for wheel, (_, _, patterns) in WHEELS.items():
        for pattern in patterns:
            if any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for name in names):
                return wheel
    return ""
