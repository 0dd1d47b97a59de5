"""What `ecc --provenance` writes goes with a package: beside its file, at its URL, attached to its image."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia import Package
from eunomia.package.evidence import digest
from eunomia.registry.attached_files import attached as attached_files
from eunomia.registry.client import Client
from eunomia.registry.reference import parse
from support.commands import Command
from support.registries import Registry
from support.sites import Site

STATEMENT, BILL, EVIDENCE = (
    "application/vnd.in-toto+json",
    "application/vnd.cyclonedx+json",
    "application/vnd.eunomia.evidence.v1+json",
)
SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tp/syscalls/sys_enter_getpid") int f(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture
def package(ecc: Command, tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "tool.bpf.c").write_text(SOURCE)
    done = ecc("--provenance", "--builder-id", "https://builder.example/7", folder / "tool.bpf.c")
    assert done.returncode == 0, done
    return folder / "package.json"


def test_a_statement_is_read_beside_a_file_and_at_its_url(ecli: Command, package: Path, home: dict[str, str]) -> None:
    site = Site(package.parent)
    try:
        file = ecli("verify", "--provenance", package, env=home)
        url = ecli("verify", "--provenance", f"{site.url}/package.json", env=home)
        document = json.loads(ecli("verify", "--provenance", "-j", package, env=home).stdout)
        (package.parent / "package.json.intoto.json").unlink()
        none = ecli("verify", "--provenance", f"{site.url}/package.json", env=home)
    finally:
        site.close()

    assert (file.returncode, url.returncode, none.returncode) == (0, 0, 1)
    assert "  builder   https://builder.example/7" in file.lines
    assert "  source    tool.bpf.c" in url.lines
    assert document["dependencies"][0]["name"] == "file:tool.bpf.c"
    assert "no statement of provenance at http" in none.stderr


def test_a_statement_about_other_bytes_is_none(ecli: Command, package: Path, home: dict[str, str]) -> None:
    package.write_bytes(package.read_bytes() + b"\n")

    done = ecli("verify", "--provenance", package, env=home)

    assert done.returncode == 1
    assert "it is about sha256:" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["distribution", "ggcr"])
def test_papers_and_evidence_go_with_a_package_into_a_registry(
    kind: str, ecli: Command, package: Path, home: dict[str, str], registry: Callable[..., Registry]
) -> None:
    reference = f"{registry(kind).repository()}:1"
    entry = {"kernel": "6.12.1", "arch": "x86", "outcome": "fired", "reason": "1 of 1", "date": "2026-01-01",
             "object": digest(Package.open(package))}  # fmt: skip
    (package.parent / "package.json.evidence.json").write_text(json.dumps(entry) + "\n")

    pushed = ecli("push", "-j", package, reference, env=home)
    again = ecli("push", "-j", package, reference, env=home)
    verified = ecli("verify", "--provenance", reference, env=home)

    assert pushed.returncode == 0, pushed
    attached = {each["artifactType"]: each["digest"] for each in json.loads(pushed.stdout)["attached"]}
    assert set(attached) == {STATEMENT, BILL, EVIDENCE}
    assert json.loads(again.stdout)["attached"] == json.loads(pushed.stdout)["attached"]
    assert verified.returncode == 0, verified
    assert "  builder   https://builder.example/7" in verified.lines
    assert f"@{attached[STATEMENT]}" in verified.stdout
    read = read_attached(reference, EVIDENCE)
    assert json.loads(read) == [entry]
    assert read_attached(reference, BILL) == (package.parent / "package.json.cdx.json").read_bytes()


def read_attached(reference: str, kind: str) -> bytes:
    """Return the bytes of what is attached to an image, by its referrers."""
    place = parse(reference)
    with Client(place.registry) as client:
        (found,) = attached_files(client, place.repository, client.head(place.repository, place.tag).digest, kind)
    return found.data


def test_papers_about_other_bytes_stop_a_push(
    ecli: Command, package: Path, home: dict[str, str], registry: Callable[..., Registry]
) -> None:
    reference = f"{registry().repository()}:1"
    package.write_bytes(package.read_bytes().replace(b"{", b"{ ", 1))

    refused = ecli("push", package, reference, env=home)
    without = ecli("push", "--no-papers", package, reference, env=home)

    assert refused.returncode == 1
    assert "package.json.intoto.json: it is about sha256:" in refused.stderr
    assert "[ecc --provenance again, or push with --no-papers]" in refused.stderr
    assert without.returncode == 0


def test_an_executable_has_papers_that_name_what_is_linked_into_it(ecc: Command, package: Path) -> None:
    folder = package.parent

    done = ecc("--standalone", "--provenance", "-o", folder / "tool", folder / "tool.bpf.c")
    elsewhere = ecc("--standalone", "--provenance", "-o", folder / "tool", package)

    assert done.returncode == 0, done
    assert os.access(folder / "tool", os.X_OK)
    assert os.stat(folder / "tool.intoto.json").st_mode & 0o111 == 0
    statement = json.loads((folder / "tool.intoto.json").read_text())
    bill = json.loads((folder / "tool.cdx.json").read_text())
    made = hashlib.sha256((folder / "tool").read_bytes()).hexdigest()
    assert statement["subject"] == [{"name": "tool", "digest": {"sha256": made}}]
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": made}]
    licences = {each["name"]: each.get("licenses") for each in bill["components"]}
    assert licences["musl"] == [{"expression": "MIT"}]
    assert licences["libelf"] == [{"expression": "LGPL-3.0-or-later OR GPL-2.0-or-later"}]
    assert (elsewhere.returncode, elsewhere.stderr.startswith("ecc: --provenance: ")) == (2, True)
