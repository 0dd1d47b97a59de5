"""Other kernels: Debian's, booted under QEMU without KVM and without root. tests/vm/README.md says how to use it."""

from __future__ import annotations


class VmError(Exception):
    """A kernel could not be fetched, or a machine did not do what it was asked; the console's tail is in the text."""
