"""Public keys that signatures are verified with: ECDSA P-256 and P-384, Ed25519 and RSA, from PEM files."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

from eunomia.errors import MissingDependencyError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FILE = 64 << 10  # bytes of a file with keys
MAX_KEYS = 64  # in one file: those of before and after a change of keys, of several people
RSA_BITS = (2048, 16384)
BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 /]{1,60})-----.*?-----END \1-----", re.DOTALL)
CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}


def no_cryptography(exc: ImportError) -> MissingDependencyError:
    """Return what is raised where a package of the extra `sign` is not installed."""
    name = (exc.name or "cryptography").partition(".")[0].replace("nacl", "PyNaCl")
    return MissingDependencyError(f"signatures: the package {name} is not installed [pip install 'eunomia[sign]']")


class PublicKey:
    """A public key.

    Attributes:
        kind: ecdsa-p256, ecdsa-p384, ed25519, or rsa-BITS.
        fingerprint: `sha256:` and the hexadecimal digest of its SubjectPublicKeyInfo.
        der: its SubjectPublicKeyInfo.
        name: what it is called in messages, most often its file.
        not_after: seconds since 1970 from which it is no longer accepted, 0 for never. Keys say no such thing: whoever
            trusts one does, in a policy.
    """

    __slots__ = ("_key", "der", "fingerprint", "kind", "name", "not_after")

    def __init__(self, key: Any, name: str = "", not_after: float = 0) -> None:
        try:
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        except ImportError as exc:
            raise no_cryptography(exc) from exc

        self._key = key
        self.kind = kind_of(key, name)
        self.der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = f"sha256:{hashlib.sha256(self.der).hexdigest()}"
        self.name = name
        self.not_after = not_after

    @property
    def hint(self) -> str:
        """How sigstore bundles name the key."""
        return b64encode(bytes.fromhex(self.fingerprint[7:])).decode()

    @property
    def pem(self) -> bytes:
        """The key as a PEM file, what cosign calls `cosign.pub`."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        data: bytes = self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return data

    def has_signed(self, signature: bytes, data: bytes) -> bool:
        """Return whether signature is one of this key over data."""
        if self.kind == "ed25519":
            return self._try(signature, data)
        return any(self._try(signature, data, *way) for way in self._ways(False, 32))

    def has_signed_digest(self, signature: bytes, digest: bytes) -> bool:
        """Return whether signature is one of this key over data with this SHA-256; Ed25519 cannot be told so."""
        return self.kind != "ed25519" and any(
            self._try(signature, digest, *way) for way in self._ways(True, len(digest))
        )

    def _ways(self, hashed: bool, size: int) -> list[tuple[Any, ...]]:
        """The paddings and hashes that signers use with a key of this kind; cosign takes SHA-256 for all of them."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        known: list[hashes.HashAlgorithm] = [hashes.SHA256()]
        if self.kind == "ecdsa-p384" and not hashed:
            known.insert(0, hashes.SHA384())
        algorithms = [Prehashed(each) if hashed else each for each in known if not hashed or each.digest_size == size]
        if self.kind.startswith("ecdsa"):
            return [(ec.ECDSA(each),) for each in algorithms]
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        return [(way, each) for each in algorithms for way in (padding.PKCS1v15(), salted)]

    def _try(self, signature: bytes, data: bytes, *way: Any) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, data, *way)
        except (InvalidSignature, ValueError):
            return False
        return True


def kind_of(key: Any, name: str) -> str:
    """Return the kind of a public key of `cryptography`.

    Raises:
        SignatureError: it is none that signatures are made with, or too small.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
            raise SignatureError(f"read key {name}: RSA with {key.key_size} bits, expected {RSA_BITS[0]} or more")
        return f"rsa-{key.key_size}"
    found = f"ECDSA on {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    raise SignatureError(f"read key {name}: {found}, expected ECDSA P-256 or P-384, Ed25519 or RSA")


def read_public_keys(path: str, not_after: float = 0) -> list[PublicKey]:
    """Return the public keys of a PEM file; several stand one after the other.

    Raises:
        SignatureError: there is none in it, or what is there is no public key.
        OSError: the file cannot be read.
    """
    return public_keys(read_key_file(path), path, not_after)


def read_key_file(path: str) -> bytes:
    """Return the bytes of a file with keys.

    Raises:
        SignatureError: it is too large for one.
        OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise OSError(exc.errno, f"read key {path}: {(exc.strerror or str(exc)).lower()}") from exc
    except ValueError:
        raise SignatureError(f"read key {path!r}: not a file name") from None
    if len(data) > MAX_FILE:
        raise SignatureError(f"read key {path}: larger than {MAX_FILE >> 10} KB, not a key")
    return data


def public_keys(data: bytes, name: str, not_after: float = 0) -> list[PublicKey]:
    """Return the public keys in PEM text.

    Raises:
        SignatureError: there is none in it, or what is there is no public key.
        MissingDependencyError: `cryptography` is not installed.
    """
    found: list[PublicKey] = []
    for block in BLOCK.finditer(data):
        if len(found) == MAX_KEYS:
            raise SignatureError(f"read key {name}: more than {MAX_KEYS} keys")
        found.append(_public_key(block[0], block[1].decode(), name, not_after))
    if not found:
        raise SignatureError(f"read key {name}: not a public key in PEM (-----BEGIN PUBLIC KEY-----)")
    return found


def _public_key(pem: bytes, label: str, name: str, not_after: float) -> PublicKey:
    if "PRIVATE" in label:
        raise SignatureError(f"read key {name}: a private key, expected the public one [the file NAME.pub beside it]")
    if not label.endswith("PUBLIC KEY"):
        raise SignatureError(f"read key {name}: {label.lower()}, expected a public key")
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise SignatureError(f"read key {name}: damaged public key ({cause(exc)})") from exc
    return PublicKey(key, name, not_after)


def cause(exc: BaseException) -> str:
    """Return the first sentence of what a library said, short."""
    words = (str(exc).splitlines() or [""])[0].partition(". ")[0].rstrip(".")
    return f"{words[:1].lower()}{words[1:120]}" or type(exc).__name__
