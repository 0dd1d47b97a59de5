"""Private keys that signatures are made with: PKCS#8 and cosign's encrypted files, read, made and written."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode

from eunomia.errors import SignatureError
from eunomia.registry.keys import BLOCK, PublicKey, cause, no_cryptography, read_key_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

KINDS = ("ecdsa-p256", "ed25519")  # those that are made
SEALED = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
# cosign's parameters (github.com/secure-systems-lab/go-securesystemslib, encrypted). Others are read up to these
# bounds: scrypt takes 128 * N * r bytes of memory.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 65536, 8, 1
MAX_SCRYPT_MEMORY = 512 << 20
PASSPHRASE_VARIABLES = ("ECLI_KEY_PASSWORD", "COSIGN_PASSWORD")


class PrivateKey:
    """A private key; `public` is its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Any, name: str = "") -> None:
        self._key = key
        self.public = PublicKey(key.public_key(), name)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over data: ECDSA and RSA (PKCS#1 v1.5) with SHA-256, as cosign does; Ed25519."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        if self.public.kind == "ed25519":
            signature: bytes = self._key.sign(data)
        elif self.public.kind.startswith("ecdsa"):
            signature = self._key.sign(data, ec.ECDSA(hashes.SHA256()))
        else:
            signature = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return signature

    def to_pkcs8(self, passphrase: bytes = b"") -> bytes:
        """Return the key as PEM, encrypted if there is a passphrase."""
        from cryptography.hazmat.primitives import serialization

        shut: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            shut = serialization.BestAvailableEncryption(passphrase)
        pem: bytes = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, shut)
        return pem

    def to_cosign(self, passphrase: bytes = b"") -> bytes:
        """Return the key as cosign writes it; an empty passphrase encrypts as well, as it does there."""
        from cryptography.hazmat.primitives import serialization

        der = self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        salt, nonce = os.urandom(32), os.urandom(24)
        box = _secret_box(_stretched(passphrase, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P))
        document = {
            "kdf": {
                "name": "scrypt",
                "params": {"N": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P},
                "salt": b64encode(salt).decode(),
            },
            "cipher": {"name": "nacl/secretbox", "nonce": b64encode(nonce).decode()},
            "ciphertext": b64encode(box.encrypt(der, nonce).ciphertext).decode(),
        }
        text = b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()
        lines = "".join(f"{text[start : start + 64]}\n" for start in range(0, len(text), 64))
        return f"-----BEGIN {SEALED[0]}-----\n{lines}-----END {SEALED[0]}-----\n".encode()


def generate(kind: str = "ecdsa-p256", name: str = "") -> PrivateKey:
    """Make a new key.

    Raises:
        MissingDependencyError: `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    if kind == "ed25519":
        return PrivateKey(ed25519.Ed25519PrivateKey.generate(), name)
    if kind == "ecdsa-p256":
        return PrivateKey(ec.generate_private_key(ec.SECP256R1()), name)
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")


def read_private_key(path: str, passphrase: Callable[[str], bytes]) -> PrivateKey:
    """Return the private key in a file.

    Args:
        path: PEM: PKCS#8, also encrypted, PKCS#1, SEC 1, or cosign's encrypted key.
        passphrase: is asked for an encrypted key's, with its file; `passphrase_of_environment` where nobody is there.

    Raises:
        SignatureError: there is no such key in it, or the passphrase is wrong.
        OSError: the file cannot be read.
    """
    data = read_key_file(path)
    block = BLOCK.search(data)
    if block is None:
        raise SignatureError(f"read key {path}: not a private key in PEM [ecli key generate makes one]")
    label = block[1].decode()
    if label in SEALED:
        return _loaded(_unsealed(block[0], path, passphrase), path, b"")
    if "PRIVATE" not in label:
        raise SignatureError(f"read key {path}: {label.lower()}, expected a private key")
    shut = label.startswith("ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in block[0]
    return _loaded(block[0], path, passphrase(path) if shut else b"", shut=shut)


def passphrase_of_environment(path: str) -> bytes:
    """Return the passphrase from ECLI_KEY_PASSWORD or COSIGN_PASSWORD.

    Raises:
        SignatureError: neither is set.
    """
    for variable in PASSPHRASE_VARIABLES:
        if variable in os.environ:
            return os.fsencode(os.environ[variable])
    raise SignatureError(f"read key {path}: it has a passphrase [set {PASSPHRASE_VARIABLES[0]}]")


def _loaded(data: bytes, path: str, passphrase: bytes, *, shut: bool = False) -> PrivateKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    load = load_pem_private_key if data.startswith(b"-----") else load_der_private_key
    try:
        key = load(data, passphrase if shut else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        # One wrong passphrase in 256 leaves a padding that fits, and what follows it is no key.
        if shut and isinstance(exc, ValueError):
            raise _wrong_passphrase(path) from exc
        raise SignatureError(f"read key {path}: damaged private key ({cause(exc)})") from exc
    return PrivateKey(key, path)


def _unsealed(pem: bytes, path: str, passphrase: Callable[[str], bytes]) -> bytes:
    """Return the PKCS#8 in a cosign key."""
    n, r, p, salt, nonce, ciphertext = _sealed_parts(pem, path)

    def opened(words: bytes) -> bytes | None:
        box = _secret_box(_stretched(words, salt, n, r, p))
        from nacl.exceptions import CryptoError

        try:
            data: bytes = box.decrypt(ciphertext, nonce)
        except CryptoError:
            return None
        return data

    # An empty passphrase encrypts too; nobody is asked for one.
    found = None if any(each in os.environ for each in PASSPHRASE_VARIABLES) else opened(b"")
    if found is None:
        found = opened(passphrase(path))
    if found is None:
        raise _wrong_passphrase(path)
    return found


def _sealed_parts(pem: bytes, path: str) -> tuple[int, int, int, bytes, bytes, bytes]:
    try:
        document = json.loads(b64decode(b"".join(pem.split(b"\n")[1:]).partition(b"-----")[0], validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        if kdf["name"] != "scrypt" or cipher["name"] != "nacl/secretbox":
            raise ValueError(f"{kdf['name']} and {cipher['name']}, expected scrypt and nacl/secretbox")
        n, r, p = (int(kdf["params"][name]) for name in ("N", "r", "p"))
        salt, nonce, ciphertext = (
            b64decode(text, validate=True) for text in (kdf["salt"], cipher["nonce"], document["ciphertext"])
        )
        if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= 16 or 128 * n * r > MAX_SCRYPT_MEMORY:
            raise ValueError(f"scrypt with N={n} r={r} p={p}")
        if len(nonce) != 24 or len(ciphertext) < 16:
            raise ValueError("cut short")
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise SignatureError(f"read key {path}: damaged cosign key ({cause(exc)})") from exc
    return n, r, p, salt, nonce, ciphertext


def _stretched(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    try:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase)


def _secret_box(key: bytes) -> Any:
    try:
        from nacl.secret import SecretBox
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    return SecretBox(key)


def _wrong_passphrase(path: str) -> SignatureError:
    return SignatureError(f"read key {path}: wrong passphrase, or the file is damaged")
