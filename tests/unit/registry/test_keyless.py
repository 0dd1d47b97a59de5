"""Signatures by identities, offline, against an authority and logs of our own."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from eunomia.errors import SignatureError
from eunomia.registry import signature_forms as forms
from eunomia.registry.keyless import Identity, TrustRootError, issuer_of, names_of
from eunomia.registry.signature_forms import Signature
from eunomia.registry.verification import Outcome, Subject, check
from support.private_sigstore import ISSUER, Party, Signer, Sigstore, now

DATA = b'{"bpf_object":"..."}'
FILE = Subject.of_file(DATA)
DIGEST = "sha256:" + "5e" * 32
NAME = "registry.example/tools/x"
IMAGE = Subject(DIGEST, name=NAME)
ME = "me@example.org"
WORKFLOW = "https://example.org/tools/.github/workflows/release.yml@refs/tags/v1"
WORLD, OTHER = Sigstore(), Sigstore()
ROOT = WORLD.trusted_root()
SOMEBODY = Party()


def trusted(identity: str = ME, issuer: str = ISSUER, root: bytes = ROOT, **more: Any) -> Identity:
    return Identity(identity, issuer, "root.json", root, **more)


def of_file(signer: Signer, **changes: Any) -> tuple[Subject, Signature]:
    return FILE, Signature("bundle", json.dumps(signer.bundle(DATA, **changes)).encode(), b"", "f.sigstore.json")


def of_image(signer: Signer, **changes: Any) -> tuple[Subject, Signature]:
    return IMAGE, Signature("bundle", json.dumps(signer.image_bundle(DIGEST, **changes)).encode(), b"", "r@digest")


def of_cosign_2(signer: Signer, **changes: Any) -> tuple[Subject, Signature]:
    payload = forms.simple_payload(NAME, DIGEST)
    extra = signer.annotations(payload, **changes)
    signature = b64decode(extra.pop("dev.cosignproject.cosign/signature"))
    return IMAGE, Signature("simple", payload, signature, "r:tag", extra)


Make = Callable[..., tuple[Subject, Signature]]
FORMS = [of_file, of_image, of_cosign_2]


def verdict(made: tuple[Subject, Signature], *identities: Identity) -> Outcome:
    return check(made[0], [made[1]], [], identities or [trusted()])


@pytest.mark.parametrize("make", FORMS)
@pytest.mark.parametrize("identity", [ME, WORKFLOW])
def test_an_identity_that_is_trusted_is_named(make: Make, identity: str) -> None:
    outcome = verdict(make(WORLD.signer(identity)), trusted(identity))

    (found,) = outcome.verified
    assert (found.kind, found.signer, found.issuer) == ("identity", identity, ISSUER)
    logged = datetime.fromisoformat(found.time.replace("Z", "+00:00"))
    assert timedelta(minutes=4) <= now() - logged < timedelta(minutes=9)  # four minutes before it was made


@pytest.mark.parametrize("make", FORMS)
def test_a_signature_made_long_ago_still_holds(make: Make) -> None:
    signer = WORLD.signer(since=now() - timedelta(days=20))

    assert verdict(make(signer)).verified[0].signer == ME


@pytest.mark.parametrize("make", FORMS)
def test_other_identities_and_issuers_are_refused(make: Make) -> None:
    made = make(WORLD.signer())

    other = verdict(made, trusted("you@example.org"))
    assert (other.state, other.why) == (
        "wrong identity",
        f"signed by {ME} (of {ISSUER}), not by you@example.org",
    )
    issuer = verdict(made, trusted(issuer="https://elsewhere.example"))
    assert (issuer.state, issuer.why) == (
        "wrong identity",
        f"signed by {ME}, vouched for by {ISSUER}, not by https://elsewhere.example",
    )
    assert verdict(made, trusted("a@b"), trusted("c@d")).why.endswith("not by any of 2 trusted identities")
    assert check(made[0], [made[1]], []).why == "signed by an identity, and no identity is trusted here"


def test_patterns_are_of_all_of_an_identity() -> None:
    made = of_file(WORLD.signer(WORKFLOW))
    issuer = r"https://accounts\.example\.org"

    assert verdict(made, trusted(r"https://example\.org/tools/.*@refs/tags/v\d+", issuer, is_pattern=True)).verified
    assert not verdict(made, trusted("example", issuer, is_pattern=True)).verified
    assert not verdict(made, trusted(".*", "https://accounts", is_pattern=True)).verified
    with pytest.raises(SignatureError, match=r"not a regular expression"):
        trusted("(", ".*", is_pattern=True)
    with pytest.raises(SignatureError, match="a pattern of 2000 characters, at most 1000"):
        trusted("a" * 2000, ".*", is_pattern=True)


@pytest.mark.parametrize("make", FORMS)
def test_a_certificate_that_was_over_when_it_signed_is_refused(make: Make) -> None:
    signer = WORLD.signer(since=now() - timedelta(days=2))

    outcome = verdict(make(signer, when=now()))

    assert outcome.state == "expired"
    assert outcome.why.startswith("the certificate was not valid when it was signed with")


@pytest.mark.parametrize("make", FORMS)
def test_the_authority_of_another_is_refused(make: Make) -> None:
    outcome = verdict(make(OTHER.signer()))
    assert outcome.state in ("wrong identity", "not in the log")
    assert not outcome.verified

    known = Sigstore()
    known.log, known.certificate_log = WORLD.log, WORLD.certificate_log
    outcome = verdict(make(known.signer()))
    assert (outcome.state, outcome.why.partition(" (")[0]) == (
        "wrong identity",
        "the certificate is of no authority of the trust root",
    )


@pytest.mark.parametrize("make", FORMS)
def test_a_certificate_in_no_log_is_refused(make: Make) -> None:
    outcome = verdict(make(WORLD.signer(in_log=False)))

    assert outcome.state == "wrong identity"
    assert outcome.why.startswith("the certificate is in no certificate log of the trust root")


def test_the_log_entry_must_be_there_and_of_a_known_log() -> None:
    signer = WORLD.signer()
    stranger = Party()

    for make in (of_file, of_image):
        missing = verdict(make(signer, entries=0))
        assert (missing.state, missing.why.partition(" (")[0]) == ("not in the log", "the log entry is missing")
        foreign = verdict(make(signer, log=stranger))
        assert foreign.state == "not in the log"
    subject, simple = of_cosign_2(signer)
    del simple.extra["dev.sigstore.cosign/bundle"]
    assert verdict((subject, simple)).why == "the log entry is missing: nothing proves when it was signed"


def changed(signature: Signature, change: Callable[[dict[str, Any]], None]) -> Signature:
    document = json.loads(signature.payload)
    change(document)
    return Signature("bundle", json.dumps(document).encode(), b"", "f")


def entry(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["verificationMaterial"]["tlogEntries"][0]
    return found


@pytest.mark.parametrize("make", [of_file, of_image])
@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda d: entry(d).pop("inclusionPromise"), "not in the log"),
        (lambda d: entry(d).pop("inclusionProof"), "not in the log"),
        (lambda d: entry(d)["inclusionProof"].update(rootHash=b64encode(b"0" * 32).decode()), "not in the log"),
        (lambda d: entry(d)["inclusionProof"].update(hashes=[]), "not in the log"),
        (lambda d: entry(d)["inclusionProof"].update(checkpoint={"envelope": "x"}), "not in the log"),
        (lambda d: entry(d).update(integratedTime=str(int(now().timestamp()))), "not in the log"),
        (lambda d: entry(d).update(canonicalizedBody=b64encode(b"{}").decode()), "not in the log"),
        (lambda d: entry(d)["kindVersion"].update(version="9"), "not in the log"),
        (lambda d: d["verificationMaterial"].update(certificate={"rawBytes": "AAAA"}), "damaged"),
        (lambda d: d["verificationMaterial"].update(tlogEntries="x"), "damaged"),
    ],
)
def test_changed_proofs_are_refused(make: Make, change: Callable[[dict[str, Any]], None], state: str) -> None:
    subject, signature = make(WORLD.signer())

    outcome = verdict((subject, changed(signature, change)))

    assert (outcome.state, outcome.verified) == (state, [])


def test_changed_bytes_are_refused() -> None:
    signer = WORLD.signer()
    _, signature = of_file(signer)
    outcome = verdict((Subject.of_file(DATA + b" "), signature))
    assert outcome.state == "other digest"

    other = signer.bundle(b"other")
    mixed = changed(signature, lambda d: d["messageSignature"].update(signature=other["messageSignature"]["signature"]))
    assert verdict((FILE, mixed)).why.startswith("the signature is not of these bytes")
    assert verdict((Subject("sha256:" + "00" * 32), of_image(signer)[1])).state == "other digest"


def test_a_log_entry_of_another_signature_is_refused() -> None:
    signer = WORLD.signer()
    _, first = of_file(signer)
    second = signer.bundle(DATA)

    for_another = changed(first, lambda d: d.update(verificationMaterial=second["verificationMaterial"]))
    assert verdict((FILE, for_another)).state == "not in the log"
    subject, simple = of_cosign_2(signer)
    simple.extra["dev.sigstore.cosign/bundle"] = of_cosign_2(signer)[1].extra["dev.sigstore.cosign/bundle"]
    assert verdict((subject, simple)).why == "the log entry is of another signature"


@pytest.mark.parametrize(
    ("name", "text", "state", "why"),
    [
        ("certificate", "x", "damaged", "damaged signature: certificate:"),
        ("bundle", "x", "damaged", "damaged signature: log entry: not JSON"),
        ("bundle", "{}", "damaged", "damaged signature: log entry: damaged"),
        ("bundle", '{"SignedEntryTimestamp":"!","Payload":{"body":"","integratedTime":1,"logID":"00"}}', "damaged", ""),
        ("bundle", '{"Payload":[]}', "damaged", "damaged signature: log entry: damaged"),
    ],
)
def test_damaged_annotations_of_cosign_2(name: str, text: str, state: str, why: str) -> None:
    subject, signature = of_cosign_2(WORLD.signer())
    signature.extra[f"dev.sigstore.cosign/{name}"] = text

    outcome = verdict((subject, signature))

    assert outcome.state == state
    assert outcome.why.startswith(why)


def test_a_promise_for_another_time_is_refused() -> None:
    subject, signature = of_cosign_2(WORLD.signer())
    document = json.loads(signature.extra["dev.sigstore.cosign/bundle"])
    document["Payload"]["integratedTime"] += 1
    signature.extra["dev.sigstore.cosign/bundle"] = json.dumps(document)

    assert verdict((subject, signature)).why == "the log entry is not signed by a log of the trust root"


def test_a_bundle_that_two_readers_would_read_differently_is_refused() -> None:
    signer = WORLD.signer()
    signed, forged = signer.image_bundle("sha256:" + "00" * 32), signer.image_bundle(DIGEST)
    forged["dsseEnvelope"]["signatures"] = [{"sig": "AAAA"}]
    both = {**signed, "dsse_envelope": signed["dsseEnvelope"], "dsseEnvelope": forged["dsseEnvelope"]}
    turned = dict(reversed(both.items()))

    for document in (both, turned):
        outcome = verdict((IMAGE, Signature("bundle", json.dumps(document).encode(), b"", "r")))
        assert (outcome.state, outcome.verified) == ("damaged", [])


def test_an_image_under_another_name_is_refused() -> None:
    _, signature = of_cosign_2(WORLD.signer())

    outcome = check(Subject(DIGEST, name="registry.example/tools/y"), [signature], [], [trusted()])

    assert outcome.state == "other name"


def test_an_attestation_is_no_signature() -> None:
    outcome = verdict(of_image(WORLD.signer(), predicate="https://slsa.dev/provenance/v1"))

    assert (outcome.state, outcome.why) == (
        "unsigned",
        "an attestation ('https://slsa.dev/provenance/v1'), not a signature",
    )


def test_names_that_are_no_addresses_are_read() -> None:
    def other(value: bytes, kind: str = "1.3.6.1.4.1.57264.1.7", issuer: bytes = b"") -> x509.Certificate:
        name = x509.OtherName(x509.ObjectIdentifier(kind), value)
        subject = x509.Name([])
        builder = x509.CertificateBuilder(subject, subject, SOMEBODY.key.public_key(), 1, now(), now())
        names = x509.SubjectAlternativeName([name, x509.RFC822Name("a@b")])
        if issuer:
            said = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), issuer)
            builder = builder.add_extension(said, critical=False)
        return builder.add_extension(names, critical=True).sign(SOMEBODY.key, hashes.SHA256())

    assert names_of(other(b"\x0c\x03abc")) == ["a@b", "abc"]
    assert names_of(other(b"\x0c\x81\x80" + b"x" * 128)) == ["a@b", "x" * 128]
    assert names_of(other(b"\x0c\x03abc", "1.2.3")) == ["a@b"]
    for value in (b"\x13\x03abc", b"\x05\x00"):
        assert names_of(other(value)) == ["a@b", "\N{REPLACEMENT CHARACTER}"]
    for damaged in (b"\x0c\x09abc", b"\x13\x03abc", b"\x0c\x85\x00\x00\x00\x00\x03abc", b"\x0c", b"\x0c\x02abc"):
        assert issuer_of(other(b"\x05\x00", issuer=damaged)) == "\N{REPLACEMENT CHARACTER}"
    assert issuer_of(other(b"\x0c\x03abc")) == ""


def test_damaged_trust_roots_are_said(tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    for data, why in (
        (b"", "not|invalid|expected"),
        (b"{}", "mediaType"),
        (b"[" * 100_000, "recursion|json"),
        (json.dumps({**json.loads(ROOT), "mediaType": "x"}).encode(), "mediaType.*"),
        (json.dumps({**json.loads(ROOT), "tlogs": []}).encode(), "no transparency log"),
        (json.dumps({**json.loads(ROOT), "certificateAuthorities": []}).encode(), "not found in trusted root"),
        (b" " * (5 << 20), "larger than 4 MB"),
    ):
        path.write_bytes(data)
        with pytest.raises(TrustRootError, match=f"^read trust root {path}: .*{why}") as caught:
            check(*_one(of_file(WORLD.signer())), [], [Identity(ME, ISSUER, str(path))])
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"read trust root .*none: no such file"):
        check(*_one(of_file(WORLD.signer())), [], [Identity(ME, ISSUER, str(tmp_path / "none"))])


def _one(made: tuple[Subject, Signature]) -> tuple[Subject, list[Signature]]:
    return made[0], [made[1]]
