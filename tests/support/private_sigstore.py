"""A sigstore of our own, without a network: an authority, a certificate log, a signature log, and who signs with them.

What the public service does (Fulcio, its CT log, Rekor) by its published formats: RFC 6962 for what the certificate log
signs and for the tree of the signature log; Rekor v1's entries, promises and checkpoints; sigstore's trust root.
"""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

OLD_ISSUER_EXTENSION = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # without ASN.1 in it; cosign 2 reads it
ISSUER_EXTENSION = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
ISSUER = "https://accounts.example.org"
SHA256 = ec.ECDSA(hashes.SHA256())


def text(data: bytes) -> str:
    return b64encode(data).decode()


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


class Party:
    """A key, and how logs name it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(self.der).digest()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, SHA256)

    def instance(self, since: datetime) -> dict[str, Any]:
        """What a trust root says of a log."""
        return {
            "baseUrl": "https://log.example.org",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": text(self.der),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": stamp(since)},
            },
            "logId": {"keyId": text(self.id)},
        }


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Signer:
    """Somebody who signs with a certificate that holds for ten minutes."""

    def __init__(self, world: Sigstore, identity: str, issuer: str, since: datetime, *, in_log: bool = True) -> None:
        self.world = world
        self.party = Party()
        self.certificate = world.certificate(self.party, identity, issuer, since, in_log=in_log)
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        self.since = since

    def bundle(self, data: bytes, **changes: Any) -> dict[str, Any]:
        """Return the bundle of a file, as cosign's sign-blob makes it; changes are for `_material`."""
        signature = self.party.sign(data)
        digest = hashlib.sha256(data).digest()
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": self._material(self.hashed_entry(data, signature), **changes),
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": text(digest)},
                "signature": text(signature),
            },
        }

    def image_bundle(self, digest: str, predicate: str = SIGN_PREDICATE, **changes: Any) -> dict[str, Any]:
        """Return the bundle of an image, as cosign 3's sign makes it."""
        kind = "application/vnd.in-toto+json"
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicateType": predicate,
            "predicate": {},
        }
        payload = canonical(statement)
        signature = self.party.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload))
        envelope = {"payload": text(payload), "payloadType": kind, "signatures": [{"sig": text(signature)}]}
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(canonical(envelope)).hexdigest()},
                "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                "signatures": [{"signature": text(signature), "verifier": text(self.pem)}],
            },
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": self._material(body, **changes),
            "dsseEnvelope": envelope,
        }

    def annotations(self, payload: bytes, *, when: datetime | None = None) -> dict[str, str]:
        """Return what cosign 2 puts beside a payload: signature, certificate, chain, the log's promise."""
        signature = self.party.sign(payload)
        moment = int((when or self.since + timedelta(minutes=1)).timestamp())
        body = text(canonical(self.hashed_entry(payload, signature)))
        entry = {"body": body, "integratedTime": moment, "logID": self.world.log.id.hex(), "logIndex": 1}
        return {
            "dev.cosignproject.cosign/signature": text(signature),
            "dev.sigstore.cosign/certificate": self.pem.decode(),
            "dev.sigstore.cosign/chain": "".join(each.public_bytes(Encoding.PEM).decode() for each in self.world.chain),
            "dev.sigstore.cosign/bundle": json.dumps(
                {"SignedEntryTimestamp": text(self.world.log.sign(canonical(entry))), "Payload": entry}
            ),
        }

    def hashed_entry(self, data: bytes, signature: bytes) -> dict[str, Any]:
        """Return the body of a log's entry of a signature over data."""
        return {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}},
                "signature": {"content": text(signature), "publicKey": {"content": text(self.pem)}},
            },
        }

    def _material(
        self, body: dict[str, Any], *, when: datetime | None = None, log: Party | None = None, entries: int = 1
    ) -> dict[str, Any]:
        """Return what proves a signature: the certificate, and the log's entry.

        Args:
            when: the log took it at this time; a minute after the certificate's beginning by default.
            log: who signs for the log.
            entries: how many there are of it.
        """
        moment = when or self.since + timedelta(minutes=1)
        entry = self.world.entry(body, moment, log or self.world.log)
        return {
            "certificate": {"rawBytes": text(self.certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [entry] * entries,
        }


class Sigstore:
    """An authority and its two logs, with the trust root that knows them."""

    def __init__(self, since: datetime | None = None) -> None:
        self.since = since or now() - timedelta(days=30)
        self.log, self.certificate_log = Party(), Party()
        self._root, self._issuing = Party(), Party()
        top = _authority("private root", self._root, None, self._root, self.since, 1)
        self._issuer = _authority("private intermediate", self._issuing, top, self._root, self.since, 0)
        self.chain = [self._issuer, top]

    def signer(
        self, identity: str = "me@example.org", issuer: str = ISSUER, since: datetime | None = None, **more: Any
    ) -> Signer:
        """Return somebody with a certificate."""
        return Signer(self, identity, issuer, since or now() - timedelta(minutes=5), **more)

    def trusted_root(self) -> bytes:
        """Return the trust root, as the file trusted_root.json has it."""
        chain = [{"rawBytes": text(each.public_bytes(Encoding.DER))} for each in self.chain]
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self.log.instance(self.since)],
                "certificateAuthorities": [
                    {
                        "subject": {"organization": "example", "commonName": "private root"},
                        "uri": "https://ca.example.org",
                        "certChain": {"certificates": chain},
                        "validFor": {"start": stamp(self.since)},
                    }
                ],
                "ctlogs": [self.certificate_log.instance(self.since)],
                "timestampAuthorities": [],
            }
        ).encode()

    def certificate(
        self, party: Party, identity: str, issuer: str, since: datetime, *, in_log: bool = True
    ) -> x509.Certificate:
        """Issue a certificate for signing code, with the word of the certificate log that it has it."""
        name: x509.GeneralName = x509.RFC822Name(identity)
        if "://" in identity:
            name = x509.UniformResourceIdentifier(identity)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuing.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._issuer.subject)
            .public_key(party.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(since + timedelta(minutes=10))
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(party.key.public_key()), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.UnrecognizedExtension(OLD_ISSUER_EXTENSION, issuer.encode()), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_EXTENSION, _utf8(issuer)), critical=False)
        )
        if in_log:
            without = builder.sign(self._issuing.key, hashes.SHA256())
            promise = self._promise(without.tbs_certificate_bytes, since)
            builder = builder.add_extension(x509.UnrecognizedExtension(SCT_LIST, promise), critical=False)
        return builder.sign(self._issuing.key, hashes.SHA256())

    def _promise(self, tbs: bytes, when: datetime) -> bytes:
        """Return the certificate log's list of signed timestamps (RFC 6962, 3.2 and 3.3)."""
        moment = struct.pack(">Q", int(when.timestamp() * 1000))
        entry = struct.pack(">H", 1) + self._issuing.id + len(tbs).to_bytes(3, "big") + tbs
        signature = self.certificate_log.sign(b"\0\0" + moment + entry + b"\0\0")
        one = (
            b"\0" + self.certificate_log.id + moment + b"\0\0" + b"\4\3" + struct.pack(">H", len(signature)) + signature
        )
        listed = struct.pack(">HH", len(one) + 2, len(one)) + one
        return b"\x04" + _length(len(listed)) + listed

    def entry(self, body: dict[str, Any], when: datetime, log: Party) -> dict[str, Any]:
        """Return a log's entry: the second of a tree of two, with promise, proof and checkpoint."""
        data = canonical(body)
        moment = int(when.timestamp())
        signed = {"body": text(data), "integratedTime": moment, "logID": log.id.hex(), "logIndex": 1}
        first = hashlib.sha256(b"\0before").digest()
        root = hashlib.sha256(b"\1" + first + hashlib.sha256(b"\0" + data).digest()).digest()
        note = f"log.example.org\n2\n{text(root)}\n"
        line = text(log.id[:4] + log.sign(note.encode()))
        return {
            "logIndex": "1",
            "logId": {"keyId": text(log.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(moment),
            "inclusionPromise": {"signedEntryTimestamp": text(log.sign(canonical(signed)))},
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": text(root),
                "treeSize": "2",
                "hashes": [text(first)],
                "checkpoint": {"envelope": f"{note}\n\N{EM DASH} log.example.org {line}\n"},
            },
            "canonicalizedBody": text(data),
        }


def _authority(  # noqa: PLR0917
    name: str, party: Party, parent: x509.Certificate | None, signer: Party, since: datetime, depth: int
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(party.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(party.key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False,
        )
        .sign(signer.key, hashes.SHA256())
    )


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def _utf8(value: str) -> bytes:
    data = value.encode()
    return b"\x0c" + _length(len(data)) + data


def _length(size: int) -> bytes:
    """Return the length of a DER value."""
    if size < 128:
        return bytes([size])
    data = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(data)]) + data
