"""Public keys: what is read, what is refused, and with which line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import SignatureError
from eunomia.registry.keys import MAX_KEYS, PublicKey, public_keys, read_public_keys

DATA = b"what is signed"
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
PRIVATE = {"ecdsa-p256": P256, "ecdsa-p384": P384, "ed25519": ED25519, "rsa-2048": RSA}


def pem(key: object) -> bytes:
    public = key.public_key()  # type: ignore[attr-defined]
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def one(data: bytes) -> PublicKey:
    (key,) = public_keys(data, "k.pub")
    return key


@pytest.mark.parametrize("kind", list(PRIVATE))
def test_each_kind_of_key_is_read_and_named(kind: str) -> None:
    key = one(pem(PRIVATE[kind]))

    assert key.kind == kind
    assert key.fingerprint == f"sha256:{hashlib.sha256(key.der).hexdigest()}"
    assert one(key.pem).fingerprint == key.fingerprint


def test_signatures_of_each_kind_are_told_from_those_of_others() -> None:
    signatures = {
        "ecdsa-p256": [P256.sign(DATA, ec.ECDSA(hashes.SHA256()))],
        "ecdsa-p384": [P384.sign(DATA, ec.ECDSA(hashes.SHA256())), P384.sign(DATA, ec.ECDSA(hashes.SHA384()))],
        "ed25519": [ED25519.sign(DATA)],
        "rsa-2048": [
            RSA.sign(DATA, padding.PKCS1v15(), hashes.SHA256()),
            RSA.sign(DATA, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        ],
    }

    for kind, private in PRIVATE.items():
        key = one(pem(private))
        for other, made in signatures.items():
            assert [key.has_signed(each, DATA) for each in made] == [kind == other] * len(made), (kind, other)
        assert not any(key.has_signed(each, DATA + b".") for each in signatures[kind])
        assert not key.has_signed(b"", DATA)
        digest = hashlib.sha256(DATA).digest()
        assert key.has_signed_digest(signatures[kind][0], digest) == (kind != "ed25519")
        assert not key.has_signed_digest(signatures[kind][0], digest[::-1])


def test_a_file_may_have_several_keys(tmp_path: Path) -> None:
    (tmp_path / "all.pub").write_bytes(b"# ours\n" + pem(P256) + b"\n# of before\n" + pem(ED25519))

    found = read_public_keys(str(tmp_path / "all.pub"), not_after=7.0)

    assert [(key.kind, key.not_after) for key in found] == [("ecdsa-p256", 7.0), ("ed25519", 7.0)]


def test_what_is_no_public_key_is_said() -> None:
    private = P256.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    short = pem(rsa.generate_private_key(65537, 1024))
    other = pem(dsa.generate_private_key(2048))
    curve = pem(ec.generate_private_key(ec.SECP256K1()))
    good = pem(P256)
    damaged = good.replace(good.splitlines()[1][:8], b"AAAAAAAA")

    for data, line in (
        (b"", "not a public key in PEM"),
        (b"\x30\x59\xff", "not a public key in PEM"),
        (private, "a private key, expected the public one"),
        (short, "RSA with 1024 bits, expected 2048 or more"),
        (other, "expected ECDSA P-256 or P-384, Ed25519 or RSA"),
        (curve, "ECDSA on secp256k1, expected ECDSA P-256"),
        (damaged, "damaged public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate, expected a public key"),
        (b"-----BEGIN PUBLIC KEY-----\nnot base64\n-----END PUBLIC KEY-----", "damaged public key"),
        (pem(P256) * (MAX_KEYS + 1), "more than 64 keys"),
    ):
        with pytest.raises(SignatureError, match=f"^read key k.pub: .*{line}") as caught:
            public_keys(data, "k.pub")
        assert "\n" not in str(caught.value)


def test_files_that_are_no_keys_are_said(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b" " * 70_000)

    with pytest.raises(SignatureError, match="larger than 64 KB, not a key"):
        read_public_keys(str(tmp_path / "large"))
    with pytest.raises(FileNotFoundError, match=r"read key .*none\.pub: no such file"):
        read_public_keys(str(tmp_path / "none.pub"))
    with pytest.raises(SignatureError, match="not a file name"):
        read_public_keys("a\0b")


@given(st.binary(max_size=200), st.integers(0, 150))
def test_any_bytes_give_keys_or_our_error(noise: bytes, place: int) -> None:
    data = pem(P256)
    data = data[:place] + noise + data[place + len(noise) :]

    try:
        found = public_keys(data, "k")
    except SignatureError as exc:
        found, said = [], str(exc)
    else:
        said = ""
    assert bool(found) != bool(said)
    assert "\n" not in said
