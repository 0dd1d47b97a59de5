"""Images that somebody made to do harm, in a real registry: one line, no file elsewhere, no control characters."""

from __future__ import annotations

import gzip
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia import builtin
from eunomia.publish.upload import Pusher
from eunomia.registry.client import digest_of
from eunomia.registry.reference import parse
from support.commands import Command
from support.image_makers import EMPTY, GUEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, tar, tar_gz
from support.registries import Registry

Registries = Callable[..., Registry]
OURS = "application/vnd.eunomia.package.v1+json"
ESCAPE = "\x1b]0;owned\x07\x1b[31m../../../etc/cron.d/x"


@pytest.fixture
def make(registry: Registries) -> Callable[..., str]:
    """Put an image into a registry that checks little; return its reference."""

    def make(
        layers: list[tuple[bytes, str, str]],
        config: bytes = b"{}",
        kind: str = EMPTY,
        change: dict[str, Any] | None = None,
    ) -> str:
        reference = f"{registry('ggcr').repository('hostile')}:1"
        parsed = parse(reference)

        def descriptor(data: bytes, media_type: str, title: str = "") -> dict[str, Any]:
            told = {"annotations": {"org.opencontainers.image.title": title}} if title else {}
            return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **told}

        with Pusher(parsed.registry) as pusher:
            for data in (config, *(layer[0] for layer in layers)):
                pusher.put_blob(parsed.repository, data)
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": descriptor(config, kind),
                "layers": [descriptor(*layer) for layer in layers],
                **(change or {}),
            }
            pusher.put_manifest(parsed.repository, parsed.tag, json.dumps(document).encode(), OCI_MANIFEST)
        return reference

    return make


def one_line(found: Any) -> str:
    """Return the one line of an error, checked to be one and to have nothing that moves a terminal."""
    text: str = found.stderr
    assert found.returncode == 1, found
    assert text.count("\n") == 1, found
    assert text[:-1].isprintable(), repr(text)
    return text[:-1]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (tar({"../../../../tmp/escaped.wasm": GUEST}), "leaves the archive"),
        (tar({"/abs/../../x.wasm": GUEST}), "leaves the archive"),
        (tar({}, {"app.wasm": "/etc/passwd", "package.json": "../../../../etc/shadow"}), "without a package or guest"),
        (tar({}, {"app.wasm": "app.wasm"}), "without a package or guest"),
        (gzip.compress(b"\0" * 100)[:-4] + b"\xff" * 4, "damaged"),
        (b"\x1f\x8b" + os.urandom(200), "damaged"),
        (tar_gz({"a": b"x" * 5000})[:40], "damaged"),
        (tar_gz({"x\x1b[2J.wasm": GUEST, "y.wasm": GUEST}), "several programs in it"),
    ],
    ids=["traversal", "absolute", "links-out", "circle", "crc", "garbage", "cut", "escapes"],
)  # fmt: skip
def test_hostile_layer_is_one_line(  # noqa: PLR0917
    ecli: Command, home: dict[str, str], make: Callable[..., str], tmp_path: Path, layer: bytes, said: str
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    reference = make([(layer, OCI_LAYER, "")], b'{"config":{}}', OCI_CONFIG)

    for words in (("pull",), ("run",), ("inspect",)):
        line = one_line(ecli(*words, reference, env=home, cwd=folder))
        assert said in line
    assert os.listdir(folder) == []


def test_bomb_takes_bounded_memory(ecli: Command, home: dict[str, str], make: Callable[..., str]) -> None:
    chunk = gzip.compress(bytes(64 << 20), 9)
    header = bytearray(tar({"big.bin": b""})[:512])
    header[124:136] = b"%011o\0" % (10 << 30)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    layer = gzip.compress(bytes(header)) + chunk * 10
    assert len(layer) < 1 << 20
    reference = make([(layer, OCI_LAYER, "")], b'{"config":{}}', OCI_CONFIG)

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    line = one_line(ecli("pull", reference, env=home, timeout=120))

    assert "more than 536870912 bytes when unpacked" in line
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 200_000)  # KiB


def test_titles_and_annotations_move_no_terminal_and_name_no_file(
    ecli: Command, home: dict[str, str], make: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    one = make([(builtin.read("opensnoop"), OURS, ESCAPE)], change={"annotations": {"x": ESCAPE}})
    two = make([(builtin.read("opensnoop"), OURS, ESCAPE), (GUEST, "application/wasm", ESCAPE + "2")])

    pulled = ecli("pull", one, env=home, cwd=folder)
    assert pulled.returncode == 0, pulled
    assert (pulled.stdout + pulled.stderr).replace("\n", "").isprintable()
    assert os.listdir(folder) == [f"{one.rpartition('/')[2].partition(':')[0]}.json"]
    assert "several programs in it" in one_line(ecli("pull", two, env=home, cwd=folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers": [{"mediaType": OURS, "digest": "sha256:" + "a" * 64, "size": 1 << 50}]}, "size"),
        ({"layers": [{"mediaType": OURS, "digest": "../../../../v2/x", "size": 3}]}, "digest"),
        ({"layers": [{"mediaType": OURS, "digest": "sha256:" + "a" * 64, "size": 4, "urls": ["file:///etc/passwd"]}]},
         "404"),
        ({"layers": 7}, "layers"),
        ({"config": None, "layers": []}, "no package and no guest"),
    ],
    ids=["size", "digest", "urls", "number", "empty"],
)  # fmt: skip
def test_hostile_manifest_is_one_line(
    ecli: Command, home: dict[str, str], make: Callable[..., str], change: dict[str, Any], said: str
) -> None:
    reference = make([], change=change)

    assert said in one_line(ecli("run", reference, env=home))


def test_index_that_names_itself_ends(ecli: Command, home: dict[str, str], registry: Registries) -> None:
    reference = f"{registry('ggcr').repository('hostile')}:1"
    parsed = parse(reference)
    with Pusher(parsed.registry) as pusher:
        entry: dict[str, Any] = {"mediaType": OCI_INDEX, "digest": "sha256:" + "0" * 64, "size": 1}
        for depth in range(8):
            document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] if depth else []}
            data = json.dumps(document).encode()
            entry = {"mediaType": OCI_INDEX, "digest": digest_of(data), "size": len(data)}
            pusher.put_manifest(parsed.repository, entry["digest"], data, OCI_INDEX)
        pusher.put_manifest(parsed.repository, parsed.tag, data, OCI_INDEX)

    assert "more than 3 indexes, one within another" in one_line(ecli("run", reference, env=home))
