"""Signatures by keys: each form is verified, and each way of being wrong has its line."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import SignatureError
from eunomia.publish.private_keys import PrivateKey, generate
from eunomia.publish.sign import bundle_of, sign_bytes
from eunomia.registry import signature_forms as forms
from eunomia.registry.keys import PublicKey
from eunomia.registry.signature_forms import Signature
from eunomia.registry.verification import MAX_SIGNATURES, Outcome, Subject, check, is_same_name

DATA = b'{"bpf_object":"..."}'
DIGEST = "sha256:" + "5e" * 32
NAME = "registry.example/tools/x"
KEYS = {"ecdsa-p256": generate("ecdsa-p256", "ours"), "ed25519": generate("ed25519", "theirs")}
OURS, THEIRS = KEYS["ecdsa-p256"], KEYS["ed25519"]
FILE = Subject.of_file(DATA)
IMAGE = Subject(DIGEST, name=NAME, tag="1.2")


def raw(data: bytes = DATA, key: PrivateKey = OURS) -> Signature:
    return Signature("raw", b"", b64decode(sign_bytes(data, key)), "f.sig")


def bundle(data: bytes = DATA, key: PrivateKey = OURS) -> Signature:
    return Signature("bundle", bundle_of(data, key), b"", "f.sigstore.json")


def simple(name: str = NAME, digest: str = DIGEST, key: PrivateKey = OURS) -> Signature:
    payload = forms.simple_payload(name, digest)
    return Signature("simple", payload, key.sign(payload), "r:tag")


def statement_bundle(statement: bytes, key: PrivateKey = OURS, kind: str = forms.IN_TOTO) -> Signature:
    signature = key.sign(forms.pre_authentication(kind, statement))
    return Signature("bundle", forms.envelope_bundle(statement, signature, key.public.hint, kind), b"", "r@digest")


def image_bundle(name: str = NAME, digest: str = DIGEST, key: PrivateKey = OURS) -> Signature:
    return statement_bundle(forms.statement(name, digest), key)


def verdict(subject: Subject, *signatures: Signature, key: PublicKey = OURS.public, **more: Any) -> Outcome:
    return check(subject, signatures, [key], **more)


@pytest.mark.parametrize("kind", list(KEYS))
def test_each_form_is_verified(kind: str) -> None:
    key = KEYS[kind]

    for subject, signature in (
        (FILE, raw(key=key)),
        (FILE, bundle(key=key)),
        (IMAGE, simple(key=key)),
        (IMAGE, image_bundle(key=key)),
    ):
        outcome = verdict(subject, signature, key=key.public)
        (found,) = outcome.verified
        assert (outcome.state, outcome.why) == ("signed", "")
        assert (found.kind, found.signer, found.name) == ("key", key.public.fingerprint, key.public.name)
        assert (found.form, found.origin) == (signature.form, signature.origin)


def test_the_key_of_another_is_told() -> None:
    for subject, signature in ((FILE, raw()), (FILE, bundle()), (IMAGE, simple()), (IMAGE, image_bundle())):
        outcome = verdict(subject, signature, key=THEIRS.public)
        assert outcome.state == "wrong key"
        assert outcome.why.startswith("not signed with the key theirs (sha256:")
        assert verdict(subject, signature, key=OURS.public).verified


def test_with_no_key_nothing_is_signed() -> None:
    outcome = check(IMAGE, [simple()], [])

    assert (outcome.state, outcome.why) == ("wrong key", "signed with a key, and no key is trusted here")
    assert (check(IMAGE, [], [OURS.public]).state, check(IMAGE, [], []).why) == ("unsigned", "no signature")


def test_changed_bytes_are_told() -> None:
    changed = Subject.of_file(DATA + b" ")

    assert verdict(changed, raw()).why.endswith("or changed since")
    assert verdict(changed, bundle()).why == f"a signature of {FILE.digest}, not of {changed.digest}"
    assert verdict(changed, bundle()).state == "other digest"


def test_a_digest_alone_is_enough_but_for_ed25519() -> None:
    nameless = Subject(FILE.digest)

    assert verdict(nameless, bundle()).verified
    assert verdict(nameless, raw()).verified
    assert verdict(nameless, bundle(key=THEIRS), key=THEIRS.public).state == "wrong key"


def test_a_signature_of_another_digest_is_told() -> None:
    other = "sha256:" + "00" * 32

    for signature in (simple(digest=other), image_bundle(digest=other)):
        outcome = verdict(IMAGE, signature)
        assert (outcome.state, outcome.why) == ("other digest", f"a signature of {other}, not of {DIGEST}")


def test_a_signature_under_another_name_is_told() -> None:
    for signature in (simple(name="registry.example/tools/y"), image_bundle(name="registry.example/tools/y")):
        outcome = verdict(IMAGE, signature)
        assert outcome.state == "other name"
        assert outcome.why == (
            "signed as registry.example/tools/y, not as registry.example/tools/x [--signed-as registry.example/tools/y]"
        )
        assert verdict(Subject(DIGEST, name="registry.example/tools/y"), signature).verified
        assert verdict(Subject(DIGEST), signature).verified


@pytest.mark.parametrize(
    ("signed", "name", "tag", "same"),
    [
        ("r.example/x", "r.example/x", "1", True),
        ("r.example/x:1", "r.example/x", "1", True),
        ("r.example/x:1", "r.example/x", "2", False),
        ("r.example/x:1", "r.example/x", "", True),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "1", True),
        ("127.0.0.1:5000/x", "127.0.0.1:5001/x", "1", False),
        ("r.example/x@sha256:00", "r.example/x", "1", True),
        ("r.example/x:2@sha256:00", "r.example/x", "1", True),
        ("index.docker.io/library/x", "docker.io/library/x", "1", True),
        ("r.example/x.evil", "r.example/x", "1", False),
        ("", "r.example/x", "1", True),
    ],
)
def test_names_of_signatures(signed: str, name: str, tag: str, same: bool) -> None:
    assert is_same_name(signed, Subject(DIGEST, name=name, tag=tag)) is same


def test_an_expired_key_has_its_own_line() -> None:
    key = PublicKey(OURS.public._key, "release.pub", not_after=1_700_000_000.0)

    late = verdict(FILE, raw(), key=key, now=1_700_000_000.0)
    assert (late.state, late.why) == ("expired", "signed with the key release.pub, which expired on 2023-11-14")
    early = verdict(FILE, raw(), key=key, now=1_699_999_999.0)
    assert early.verified[0].until == 1_700_000_000.0
    assert verdict(FILE, raw(key=THEIRS), key=key, now=1_700_000_000.0).state == "wrong key"


def test_an_old_signature_ends_with_its_key() -> None:
    assert check(IMAGE, [simple()], [THEIRS.public, OURS.public]).verified
    assert check(IMAGE, [simple()], [THEIRS.public]).state == "wrong key"


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    bad = [simple(key=THEIRS), Signature("simple", b"{}", b"", "r"), Signature("bundle", b"", b"", "r"), raw()]

    outcome = check(IMAGE, [*bad, simple()], [OURS.public])

    assert [each.signer for each in outcome.verified] == [OURS.public.fingerprint]
    assert [each.state for each in outcome.refused] == ["wrong key", "wrong key", "damaged", "wrong key"]


def test_of_many_signatures_the_first_are_looked_at() -> None:
    worthless = Signature("raw", b"", b"x", "r")
    begin = time.perf_counter()

    outcome = check(FILE, [worthless] * 10_000 + [raw()], [OURS.public])

    assert (outcome.state, len(outcome.refused), outcome.left) == ("wrong key", MAX_SIGNATURES, 9_001)
    assert outcome.why.endswith("(9001 more were not looked at)")
    assert time.perf_counter() - begin < 30


def test_an_attestation_is_no_signature() -> None:
    statement = json.loads(forms.statement(NAME, DIGEST))
    statement["predicateType"] = "https://slsa.dev/provenance/v1"

    outcome = verdict(IMAGE, statement_bundle(json.dumps(statement).encode()))

    assert outcome.state == "unsigned"
    assert outcome.why == "an attestation ('https://slsa.dev/provenance/v1'), not a signature"


def signed_payload(**changes: Any) -> Signature:
    document = json.loads(forms.simple_payload(NAME, DIGEST))
    for place, value in changes.items():
        *parents, last = place.split("__")
        inner = document
        for parent in parents:
            inner = inner[parent]
        if value is None:
            del inner[last.replace("_", "-")]
        else:
            inner[last.replace("_", "-")] = value
    payload = json.dumps(document).encode()
    return Signature("simple", payload, OURS.sign(payload), "r")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"critical": None}, "`$.critical`: missing"),
        ({"critical": []}, "`$.critical`: of a wrong type"),
        ({"critical__type": "x"}, "`$.critical.type`: found 'x', expected 'cosign container image signature'"),
        ({"critical__type": None}, "`$.critical.type`: found None, expected 'cosign container image signature'"),
        ({"critical__image": None}, "`$.critical.image`: missing"),
        ({"critical__image__docker_manifest_digest": None}, "`$.critical.image.docker-manifest-digest`: missing"),
        ({"critical__image__docker_manifest_digest": 5}, "`$.critical.image.docker-manifest-digest`: of a wrong type"),
        ({"critical__identity": None}, "`$.critical.identity`: missing"),
        ({"critical__identity__docker_reference": None}, "`$.critical.identity.docker-reference`: missing"),
    ],
)
def test_what_a_payload_must_say(changes: dict[str, Any], why: str) -> None:
    outcome = verdict(IMAGE, signed_payload(**changes))

    assert (outcome.state, outcome.why) == ("damaged", f"damaged signature: {why}")


def signed_text(payload: bytes) -> Signature:
    return Signature("simple", payload, OURS.sign(payload), "r")


def test_payloads_that_are_no_json_objects() -> None:
    good = forms.simple_payload(NAME, DIGEST)
    for payload, why in (
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 60_000, "not JSON"),
        (b"\xff{}", "not JSON"),
        (good + b" " * 70_000, "larger than 64 KB"),
        (good.replace(b'"type"', b'"image":{},"type"'), "the same name twice in an object"),
    ):
        outcome = verdict(IMAGE, signed_text(payload))
        assert (outcome.state, outcome.why) == ("damaged", f"damaged signature: signature's payload: {why}")


def changed_bundle(place: str, value: Any, of: Signature) -> Signature:
    document = json.loads(of.payload)
    *parents, last = place.split(".")
    inner = document
    for parent in parents:
        inner = inner[parent]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return Signature("bundle", json.dumps(document).encode(), b"", "r")


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("mediaType", "x", "bundle: media type 'x', expected application/vnd.dev.sigstore.bundle.v0.3+json"),
        ("verificationMaterial", None, "`$.verificationMaterial`: missing"),
        ("verificationMaterial", {}, "bundle: neither a key nor a certificate in `$.verificationMaterial`"),
        ("dsseEnvelope", None, "`$.messageSignature`: missing"),
        ("dsseEnvelope.payloadType", "text/plain", "bundle: payload type 'text/plain'"),
        ("dsseEnvelope.payload", "!", "`$.payload`: not base64"),
        ("dsseEnvelope.payload", b64encode(b"{}").decode(), "statement: type None"),
        ("dsseEnvelope.signatures", [], "`$.dsseEnvelope.signatures`: expected one signature"),
        ("dsseEnvelope.signatures", [{"sig": "AA=="}] * 2, "`$.dsseEnvelope.signatures`: expected one signature"),
        ("dsseEnvelope.signatures", [{"sig": 7}], "`$.sig`: of a wrong type"),
    ],
)
def test_damaged_bundles_of_images(place: str, value: Any, why: str) -> None:
    outcome = verdict(IMAGE, changed_bundle(place, value, image_bundle()))

    assert outcome.state == "damaged"
    assert why in outcome.why


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("messageSignature.messageDigest", None, "`$.messageDigest`: missing"),
        ("messageSignature.messageDigest.algorithm", "SHA1", "digest by 'SHA1', expected SHA2_256"),
        ("messageSignature.messageDigest.digest", "?", "`$.digest`: not base64"),
        ("messageSignature.signature", None, "`$.signature`: missing"),
    ],
)
def test_damaged_bundles_of_files(place: str, value: Any, why: str) -> None:
    outcome = verdict(FILE, changed_bundle(place, value, bundle()))

    assert outcome.state == "damaged"
    assert why in outcome.why


def test_statements_have_subjects() -> None:
    good = json.loads(forms.statement(NAME, DIGEST))
    for subject, why in (
        ([], "expected a list of 1 to 1024"),
        ([{}] * 2000, "expected a list of 1 to 1024"),
        ([{"digest": {"sha1": "00"}}], "`$.subject[].digest.sha256`: missing"),
        (["x"], "`$.subject[].digest.sha256`: missing"),
        ("x", "expected a list"),
    ):
        outcome = verdict(IMAGE, statement_bundle(json.dumps({**good, "subject": subject}).encode()))
        assert outcome.state == "damaged"
        assert why in outcome.why
    several = [{"digest": {"sha256": "00" * 32}, "name": "r/y"}, {"digest": {"sha256": "5e" * 32}}]
    assert verdict(IMAGE, statement_bundle(json.dumps({**good, "subject": several}).encode())).verified


def test_the_payload_type_is_part_of_what_is_signed() -> None:
    signature = OURS.sign(forms.pre_authentication("text/plain", forms.statement(NAME, DIGEST)))
    data = forms.envelope_bundle(forms.statement(NAME, DIGEST), signature, "")

    assert verdict(IMAGE, Signature("bundle", data, b"", "r")).state == "wrong key"


def test_signatures_in_base64() -> None:
    assert forms.raw_signature(b" AAEC\nAwQ=\n", "f") == bytes(range(5))
    for data, why in ((b"***", "not a signature in base64"), (b"A" * 9000, "larger than 8 KB")):
        with pytest.raises(SignatureError, match=f"^read f: .*{why}"):
            forms.raw_signature(data, "f")


def test_no_line_of_an_outcome_has_more_than_it_needs() -> None:
    name = "registry.example/" + "x" * 5000 + "\x1b[2J"

    assert len(verdict(IMAGE, simple(name=name)).why) < 600
    assert len(verdict(IMAGE, simple(digest="sha256:" + "0" * 9000)).why) < 300


@given(st.binary(max_size=300), st.integers(0, 700), st.sampled_from(["simple", "bundle"]))
def test_any_bytes_are_refused_or_the_signed_ones(noise: bytes, place: int, form: str) -> None:
    good = simple() if form == "simple" else image_bundle()
    data = good.payload[:place] + noise + good.payload[place + len(noise) :]

    outcome = verdict(IMAGE, Signature(form, data, good.signature, "r"))

    assert (outcome.state == "signed") == bool(outcome.verified)
    if form == "simple" and data != good.payload:
        assert not outcome.verified
    assert len(outcome.verified) + len(outcome.refused) == 1
