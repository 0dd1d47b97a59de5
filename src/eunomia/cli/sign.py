"""`ecli sign`: sign files, and images in their registry."""

from __future__ import annotations

import os
import sys

from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError
from eunomia.cli.registry_options import CONNECTION, connection
from eunomia.cli.report import clean
from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.publish.private_keys import PrivateKey
    from eunomia.publish.upload import Pusher
    from eunomia.registry.reference import Reference

COMMAND = Command(
    "sign",
    "--key KEY FILE|REF...",
    "sign packages and guests: files, or images in their registry",
    (
        Opt("key", "", "file", "the private key", "KEY"),
        Opt(
            "form",
            "",
            "choice",
            "of the signature: cosign's simple one, a sigstore bundle, or both",
            choices=("both", "simple", "bundle"),
            default="both",
        ),
        Opt(
            "attest",
            "",
            "file",
            "of an image: sign this statement about it (in-toto, CycloneDX, SPDX) in place of the image",
            "FILE",
        ),
        Opt("recursive", "r", "flag", "of an index, sign each image in it too", default=False),
        *CONNECTION,
        JSON,
        VERBOSE,
    ),
    details="""\
Of a FILE the signatures are written beside it: FILE.sig (base64) and FILE.sigstore.json (a bundle). Put them beside the
file wherever it is served: `ecli verify URL`, policies and hubs look for them there.

Of an image REF they are put into its repository, as cosign does: under the tag sha256-HEX.sig, and as a bundle that
refers to the image. What is signed is the manifest, or the index, that REF names now; a signature of an index holds for
all that is in it. `cosign verify --key` reads both.

`--attest` signs what FILE says of an image, a provenance or an SBOM as `ecc --provenance` writes them, and puts it
beside the image as `cosign attest` does. `ecli verify --attestation` and `cosign verify-attestation` read it.

KEY is one of `ecli key generate`, of cosign, or PKCS#8. Its passphrase comes from the variable ECLI_KEY_PASSWORD or
COSIGN_PASSWORD, or is asked for. Signing without a key, by an identity, is left to cosign.""",
    examples=(
        ("ecli sign --key release.key package.json", "package.json.sig and package.json.sigstore.json"),
        ("ecli sign --key release.key registry.example/tools/opensnoop:1.2", "an image that was pushed"),
        ("ecli sign --key release.key --attest package.json.intoto.json REF", "how it was made"),
    ),
    choices=("@file",),
)


def main(argv: list[str]) -> int:
    """Run `ecli sign`."""
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError("sign what? [ecli sign --key KEY FILE|REF]")
    if not values["key"]:
        raise UsageError("--key is needed: the private key to sign with [ecli key generate makes one]")
    from eunomia.cli.passphrase import ask
    from eunomia.publish.private_keys import read_private_key

    key = read_private_key(values["key"], ask)
    rows = []
    for operand in values.operands:
        rows.append((operand, _sign(operand, key, values)))
    if values["json"]:
        import json

        signed = [{"signed": name, "key": key.public.fingerprint, "written": list(made)} for name, made in rows]
        sys.stdout.write(json.dumps(signed, indent=2) + "\n")
    else:
        sys.stdout.write("".join(clean(f"{name}: wrote {each}") + "\n" for name, made in rows for each in made))
    return 0


def _sign(operand: str, key: PrivateKey, values: Values) -> list[str]:
    from eunomia.publish.sign import sign_file
    from eunomia.registry.reference import is_reference, parse

    if values["attest"] and (os.path.lexists(operand) or not is_reference(operand)):
        raise UsageError(f"--attest is about an image: {operand} is none")
    if os.path.lexists(operand) or not is_reference(operand):
        return sign_file(operand, key, values["form"])
    from eunomia.publish.sign_image import sign_image
    from eunomia.publish.upload import Pusher
    from eunomia.registry.config import read

    config = read()
    place = parse(operand, registry=config.registry, prefix=config.prefix)
    special = config.registries.get(place.registry, {})
    words = connection(values)
    words["ca_file"] = words["ca_file"] or special.get("ca-file", "")
    if words["plain_http"] is None:
        words["plain_http"] = special.get("plain-http")
    written = []
    with Pusher(place.registry, **words) as pusher:
        if values["attest"]:
            return [_attest(pusher, place, key, values["attest"])]
        done = sign_image(
            pusher, place.repository, place.wanted, key, form=values["form"], recursive=values["recursive"]
        )
    for each in done:
        written += each.written
        for note in each.notes:
            sys.stderr.write(clean(f"ecli: {note}") + "\n")
    return written


def _attest(pusher: Pusher, place: Reference, key: PrivateKey, path: str) -> str:
    from eunomia.publish.attest import MAX_PAPER, attest
    from eunomia.registry.attached import read_whole

    paper = read_whole(path, MAX_PAPER)
    if paper is None:
        raise FetchError(f"--attest {path}: no such file")
    return attest(pusher, place.repository, place.wanted, paper, path, key)
