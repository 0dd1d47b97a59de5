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
        ("compiler", "publish", "cli.ecc", "cli.ecc_*", "cli.export", "cli.key", "cli.sign", "cli.docs"),
    ),
    "eunomia-registry": (
        "oci",
        "registries, hubs and signatures",
        (
            *(f"registry.{each}" for each in ("attached", "auth", "client", "credentials", "hub_*", "hubs")),
            *(f"registry.{each}" for each in ("image_kinds", "images", "in_files", "key*", "kept_*", "layers")),
            *(f"registry.{each}" for each in ("logins", "proxies", "refusals", "retry", "session", "signature*")),
            *(f"registry.{each}" for each in ("tar_stream", "transport", "verification")),
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


def wheel_of(module: str) -> str:
    """Return the wheel that has a module of eunomia, "" for the first one.

    Args:
        module: its name below `eunomia.`, as in `compiler.build`.
    """
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for wheel, (_, _, patterns) in WHEELS.items():
        for pattern in patterns:
            if any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for name in names):
                return wheel
    return ""
