"""Private keys: PKCS#8 and cosign's encrypted files, made, written and read."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from eunomia.errors import SignatureError
from eunomia.publish.private_keys import (
    PrivateKey,
    generate,
    passphrase_of_environment,
    read_private_key,
)

# Made with cosign 2.5.0: COSIGN_PASSWORD=pw cosign generate-key-pair
COSIGN_KEY = """\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJOYm9GZzhmQWZtcUdvWmVVNTMxbzVQNW5zdFNnNzVy
aXBRTFg1clh0OTl3PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiI0VkZNT2EyaTVZYzNWVy9BTW9aNXpQNGdlaGx6dEhEQyJ9LCJj
aXBoZXJ0ZXh0IjoicnF2b1J0c3NEYkJHWXp4SnhlaDB0SnI2bGJaZFNONUVOMkNk
cms0UnN6bkdyemtwRjNEUG12ZXpESWIyQVk1SHFTUjBoTHlwWW1SVzM5NGUrUlVn
ekZpaklvT0YwTnFFbDFlc3BtQzEwdVRUaEhRaGZHM2hQZXJiYlJ0MURhbFpydFZo
eGU1NDdSN210d3FUVmZHNndLd2tueEcxQzQ1NXVKSGphNUNtVWFGcEFwaWZnTVJa
OXJwLzl5anFLVVhVWk1qWC9STkpOOVM3enc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
"""
COSIGN_PUB = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgI6ZcQtfUB41xV4Y7WLX9qZREF4p
2el/qJ/FSZ2oMqUmAYRKX7qLyLsKMOGsNDI7hhdOHMniKz/Si5x0BTfMXw==
-----END PUBLIC KEY-----
"""


def nobody(path: str) -> bytes:
    raise AssertionError(f"asked for the passphrase of {path}")


def test_a_key_of_cosign_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cosign.key"
    path.write_text(COSIGN_KEY)

    assert read_private_key(str(path), lambda _: b"pw").public.pem.decode() == COSIGN_PUB
    with pytest.raises(SignatureError, match=r"cosign.key: wrong passphrase"):
        read_private_key(str(path), lambda _: b"other")


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519"])
@pytest.mark.parametrize("passphrase", [b"", "pässword".encode()])
def test_both_formats_come_back(kind: str, passphrase: bytes, tmp_path: Path) -> None:
    key = generate(kind)
    path = tmp_path / "k.key"

    for data in (key.to_cosign(passphrase), key.to_pkcs8(passphrase)):
        path.write_bytes(data)
        back = read_private_key(str(path), (lambda _: passphrase) if passphrase else nobody)
        assert back.public.fingerprint == key.public.fingerprint
        assert key.public.has_signed(back.sign(b"x"), b"x")
    if passphrase:
        with pytest.raises(SignatureError, match="wrong passphrase"):
            read_private_key(str(path), lambda _: b"wrong")


def test_keys_of_openssl_are_read(tmp_path: Path) -> None:
    for name, *words in (
        ("sec1", "ecparam", "-name", "prime256v1", "-genkey", "-noout"),
        ("p384", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
        ("rsa", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        ("pkcs1", "genrsa", "-traditional"),
        ("ed", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:pw"),
    ):
        path = tmp_path / name
        subprocess.run(["openssl", *words, "-out", path], check=True, capture_output=True)
        key = read_private_key(str(path), lambda _: b"pw")
        assert key.public.has_signed(key.sign(b"data"), b"data"), name


def damage(**changes: object) -> str:
    head, *body, tail = COSIGN_KEY.strip().split("\n")
    document = json.loads(b64decode("".join(body)))
    for place, value in changes.items():
        *parents, name = place.split("_")
        inner = document
        for parent in parents:
            inner = inner[parent]
        inner[name] = value
    return "\n".join([head, b64encode(json.dumps(document).encode()).decode(), tail])


def test_damaged_keys_are_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "k"
    for text, line in (
        ("", "not a private key in PEM"),
        (COSIGN_PUB, "public key, expected a private key"),
        (COSIGN_KEY.replace("eyJrZGY", "!!!!!!!"), "damaged cosign key"),
        (damage(kdf_params_N=1 << 30), r"scrypt with N=1073741824"),
        (damage(kdf_params_N=65537), r"scrypt with N=65537"),
        (damage(kdf_params_p=1 << 20), r"p=1048576"),
        (damage(kdf_name="argon2"), "argon2 and nacl/secretbox, expected scrypt"),
        (damage(cipher_nonce="AAAA"), "cut short"),
        (damage(ciphertext=7), "damaged cosign key"),
        (damage(kdf=[]), "damaged cosign key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged private key"),
    ):
        path.write_text(text)
        with pytest.raises(SignatureError, match=f"^read key {path}: .*{line}") as caught:
            read_private_key(str(path), lambda _: b"pw")
        assert "\n" not in str(caught.value)


def test_a_key_with_a_passphrase_that_nobody_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "k"
    path.write_text(COSIGN_KEY)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    monkeypatch.delenv("ECLI_KEY_PASSWORD", raising=False)

    with pytest.raises(SignatureError, match=r"it has a passphrase \[set ECLI_KEY_PASSWORD\]"):
        read_private_key(str(path), passphrase_of_environment)
    monkeypatch.setenv("COSIGN_PASSWORD", "pw")
    assert read_private_key(str(path), passphrase_of_environment).public.kind == "ecdsa-p256"
    monkeypatch.setenv("ECLI_KEY_PASSWORD", "not it")
    with pytest.raises(SignatureError, match="wrong passphrase"):
        read_private_key(str(path), passphrase_of_environment)


def test_small_keys_do_not_sign() -> None:
    with pytest.raises(SignatureError, match="RSA with 1024 bits"):
        PrivateKey(rsa.generate_private_key(65537, 1024))
    with pytest.raises(ValueError, match="is none of ecdsa-p256, ed25519"):
        generate("rsa")
    assert serialization.load_pem_private_key(generate().to_pkcs8(), None) is not None
