"""`ecli key`: make keys that sign, and look at keys."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean
from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.registry.keys import PublicKey

ACTIONS = ("generate", "show", "public")
COMMAND = Command(
    "key",
    "generate|show|public [FILE]",
    "make a key that signs, or look at one",
    (
        Opt("output", "o", "file", "generate: NAME of NAME.key and NAME.pub [default: ecli]; public: the file", "NAME"),
        Opt("type", "", "choice", "of a new key", choices=("ecdsa-p256", "ed25519"), default="ecdsa-p256"),
        Opt(
            "key-format",
            "",
            "choice",
            "of a new private key: cosign's, or PKCS#8 as OpenSSL has it",
            choices=("cosign", "pkcs8"),
            default="cosign",
        ),
        Opt("passphrase", "", "flag", "do not ask for a passphrase: the key is written without one", default=True),
        JSON,
        VERBOSE,
    ),
    details="""\
`generate` writes NAME.key, which only its owner can read, and NAME.pub. Nothing there is overwritten. The private key
is encrypted with a passphrase, which comes from the variable ECLI_KEY_PASSWORD (or cosign's COSIGN_PASSWORD), or is
asked for. cosign reads both formats: the one of its own as it is, PKCS#8 by `cosign import-key-pair`.

`show` says the kind and the fingerprint of a key: `sha256:` and the digest of the public key. `public` writes the
public half of a private key as PEM.

Public keys are read as PEM: ECDSA on P-256 and P-384, Ed25519, RSA from 2048 bits on.""",
    examples=(
        ("ecli key generate -o release", "release.key to sign with, release.pub to verify with"),
        ("ecli key show release.pub", "its fingerprint"),
        ("ecli key public cosign.key", "the public half of a private key"),
    ),
    choices=(*ACTIONS, "@file"),
)


def main(argv: list[str]) -> int:
    """Run `ecli key`."""
    values = COMMAND.parse(argv)
    action = values.operands[0] if values.operands else ""
    if action not in ACTIONS:
        found = f"found {action!r}" if action else "found nothing"
        raise UsageError(f"expected {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, {found} [see ecli key --help]")
    if action == "generate":
        values.no_more_than(1)
        return _generate(values)
    values.no_more_than(2)
    if len(values.operands) < 2:
        raise UsageError(f"key {action}: which key? [ecli key {action} FILE]")
    return _show(values) if action == "show" else _public(values)


def _generate(values: Values) -> int:
    from eunomia.cli.passphrase import ask_new
    from eunomia.publish.private_keys import generate

    name = (values["output"] or "ecli").removesuffix(".key")
    private, public = f"{name}.key", f"{name}.pub"
    for path in (private, public):
        if os.path.lexists(path):
            raise EunomiaError(f"make a key: {path} is there already [-o NAME for another name]")
    key = generate(values["type"], private)
    passphrase = ask_new(private) if values["passphrase"] else b""
    data = key.to_cosign(passphrase) if values["key-format"] == "cosign" else key.to_pkcs8(passphrase)
    _write_new(private, data, 0o600)
    _write_new(public, key.public.pem, 0o644)
    if not passphrase:
        sys.stderr.write(clean(f"ecli: {private} has no passphrase: who can read it can sign") + "\n")
    _print(values, [key.public], private=private, public=public)
    return 0


def _write_new(path: str, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
    except OSError as exc:
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _show(values: Values) -> int:
    _print(values, keys_in(values.operands[1]))
    return 0


def _public(values: Values) -> int:
    pem = b"".join(key.pem for key in keys_in(values.operands[1]))
    if values["output"]:
        _write_new(values["output"], pem, 0o644)
    else:
        sys.stdout.write(pem.decode())
    return 0


def keys_in(path: str) -> list[PublicKey]:
    """Return the public keys of a file, or the public half of the private key in it."""
    from eunomia.registry.keys import public_keys, read_key_file

    data = read_key_file(path)
    if b"PRIVATE KEY-----" not in data:
        return public_keys(data, path)
    from eunomia.cli.passphrase import ask
    from eunomia.publish.private_keys import read_private_key

    return [read_private_key(path, ask).public]


def _print(values: Values, keys: list[PublicKey], **files: str) -> None:
    if values["json"]:
        import json

        rows = [{"kind": key.kind, "fingerprint": key.fingerprint, **files} for key in keys]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    for key in keys:
        sys.stdout.write(f"{key.kind} {key.fingerprint}\n")
    for path in files.values():
        sys.stdout.write(clean(f"wrote {path}") + "\n")
