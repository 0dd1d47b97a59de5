"""The passphrase of a private key: from the environment, else asked for on the terminal, never from an option."""

from __future__ import annotations

import os

from eunomia.errors import SignatureError


def ask(path: str) -> bytes:
    """Return the passphrase of the key in a file.

    Raises:
        SignatureError: it is in no variable, and there is no terminal.
    """
    return _given() if _is_given() else _typed(f"passphrase of {path}: ", f"read key {path}: it has a passphrase")


def ask_new(path: str) -> bytes:
    """Return the passphrase for a new key, typed twice.

    Raises:
        SignatureError: it is in no variable and there is no terminal, or the two differ.
    """
    if _is_given():
        return _given()
    first = _typed(f"passphrase for {path} (empty for none): ", "make a key: no terminal to ask for a passphrase")
    if first != _typed("again: ", "make a key: no terminal to ask for a passphrase"):
        raise SignatureError("make a key: the two passphrases differ")
    return first


def _is_given() -> bool:
    from eunomia.publish.private_keys import PASSPHRASE_VARIABLES

    return any(variable in os.environ for variable in PASSPHRASE_VARIABLES)


def _given() -> bytes:
    from eunomia.publish.private_keys import passphrase_of_environment

    return passphrase_of_environment("")


def _typed(prompt: str, otherwise: str) -> bytes:
    from getpass import getpass

    from eunomia.cli.report import clean

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as exc:
        raise SignatureError(f"{otherwise} [set ECLI_KEY_PASSWORD]") from exc
    try:
        return os.fsencode(getpass(clean(prompt)))
    except EOFError as exc:
        raise SignatureError(f"{otherwise} [set ECLI_KEY_PASSWORD]") from exc
