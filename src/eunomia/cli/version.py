"""`ecli --version`: this program, what it is built of, and the kernel that it meets; for bug reports."""

from __future__ import annotations

import os
import platform
import sys

from eunomia.cli.parser import JSON, VERBOSE, Command

COMMAND = Command("version", "", "show versions and facts of the kernel, for bug reports", (JSON, VERBOSE))
KERNEL_BTF = "/sys/kernel/btf/vmlinux"


def facts() -> dict[str, str]:
    """Return what a bug report needs, in the order of printing."""
    from eunomia import __version__

    kernel = os.uname()
    try:
        btf = f"{KERNEL_BTF}, {os.stat(KERNEL_BTF).st_size} bytes"
    except OSError:
        btf = "none"
    return {
        "eunomia": __version__,
        "libbpf": libbpf(),
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        "kernel": kernel.release,
        "arch": kernel.machine,
        "btf": btf,
        "system": distribution(),
    }


def libbpf() -> str:
    """Return libbpf's version, or why there is none."""
    try:
        from eunomia._native import lib, text
    except ImportError as exc:
        return f"missing: {exc}"
    return text(lib.eu_libbpf_version()).removeprefix("v")


def distribution() -> str:
    """Return the system's name as /etc/os-release has it."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def main(argv: list[str]) -> int:
    """Run `ecli version`."""
    values = COMMAND.parse(argv)
    values.no_more_than(0)
    found = facts()
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{name} {text}\n" for name, text in found.items()))
    return 0
