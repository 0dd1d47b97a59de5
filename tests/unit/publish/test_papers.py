"""`ecc --provenance`: its papers are what in-toto's and CycloneDX's own validators take, and say what was compiled."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import Parse
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement

from eunomia.publish.provenance import builder_of
from support.commands import Command

SOURCE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "numbers.h"
SEC("tp/syscalls/sys_enter_getpid") int f(void *ctx) { return NUMBER; }
char LICENSE[] SEC("license") = "Dual BSD/GPL";
"""
WASM = b"\0asm\1\0\0\0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "include").mkdir()
    (tmp_path / "include/numbers.h").write_text("#define NUMBER 0\n")
    (tmp_path / "tool.bpf.c").write_text(SOURCE)
    (tmp_path / "vmlinux.h").write_text(
        "typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int"
        " __u32; typedef unsigned long long __u64; typedef int __s32; typedef long long"
        " __s64; typedef __u16 __be16; typedef __u32 __be32; typedef __u64 __be64;"
        " typedef __u32 __wsum; typedef __u16 __sum16; enum bpf_map_type { X };\n"
    )
    return tmp_path


def compiled(ecc: Command, folder: Path, *words: object, **env: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    clean: dict[str, str | None] = {
        "SOURCE_DATE_EPOCH": "1700000000",
        "GITHUB_SERVER_URL": None,
        "CI_PROJECT_URL": None,
    }
    done = ecc("--provenance", "-I", folder / "include", *words, folder / "tool.bpf.c", env=clean | env)
    assert done.returncode == 0, done
    return tuple(json.loads((folder / f"package.json.{kind}.json").read_text()) for kind in ("intoto", "cdx"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_statement_says_what_was_compiled_and_how(ecc: Command, folder: Path) -> None:
    statement, _ = compiled(ecc, folder, "-D", "LEVEL=1", "--builder-id", "https://builder.example/7")

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "package.json", "digest": {"sha256": sha256(folder / "package.json")}}]
    build, run = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert build["externalParameters"] == {"source": "tool.bpf.c", "options": {"define": ["LEVEL=1"]}}
    (flags,) = build["internalParameters"]["clang"].values()
    assert flags[:4] == ["-g", "-O2", "-target", "bpf"]
    assert "-DLEVEL=1" in flags
    assert str(folder) not in json.dumps(statement)
    named = {each["name"]: each.get("digest", {}).get("sha256") for each in build["resolvedDependencies"]}
    assert named["tool.bpf.c"] == sha256(folder / "tool.bpf.c")
    assert named["include/numbers.h"] == sha256(folder / "include/numbers.h")
    assert named["vmlinux.h"] == sha256(folder / "vmlinux.h")
    assert any(name.startswith("eunomia/bpf/bpf_helpers.h") for name in named)
    assert any(name.startswith("clang ") for name in named)
    assert run["builder"]["id"] == "https://builder.example/7"
    assert run["metadata"]["finishedOn"] == "2023-11-14T22:13:20Z"


def test_others_read_the_statement(ecc: Command, folder: Path) -> None:
    document, _ = compiled(ecc, folder)

    statement = Statement([], "", {})
    Parse(json.dumps(document), statement.pb)
    statement.validate()
    provenance = Parse(json.dumps(document["predicate"]), Provenance())  # unknown fields are errors

    assert statement.pb.subject[0].name == "package.json"
    assert provenance.run_details.builder.id == "urn:eunomia:builder:local"


def test_others_take_the_bill_of_materials(ecc: Command, folder: Path) -> None:
    (folder / "guest.wasm").write_bytes(WASM)
    _, bill = compiled(ecc, folder, "--guest", folder / "guest.wasm")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    top = bill["metadata"]["component"]
    assert top["hashes"] == [{"alg": "SHA-256", "content": sha256(folder / "package.json")}]
    assert top["licenses"] == [{"expression": "GPL-2.0-only OR BSD-3-Clause"}]
    names = {each["name"]: each for each in bill["components"]}
    assert names["guest.wasm"]["hashes"][0]["content"] == hashlib.sha256(WASM).hexdigest()
    assert names["libbpf"]["licenses"] == [{"expression": "LGPL-2.1-only OR BSD-2-Clause"}]
    assert {"tool.bpf.c", "include/numbers.h"} <= set(names)


def test_the_same_sources_give_the_same_papers(ecc: Command, folder: Path) -> None:
    first = compiled(ecc, folder)
    again = compiled(ecc, folder)

    assert first == again


def test_several_architectures_are_one_statement(ecc: Command, folder: Path) -> None:
    statement, _ = compiled(ecc, folder, "--target-arch", "x86,arm64")

    assert set(statement["predicate"]["buildDefinition"]["internalParameters"]["clang"]) == {"x86", "arm64"}


def test_a_committed_source_is_named_by_its_commit_without_credentials(ecc: Command, folder: Path) -> None:
    def git(*words: str) -> str:
        environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words],
            cwd=folder, env=environment, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    git("init", "-q")
    git("add", "tool.bpf.c")
    git("commit", "-qm", "x")
    git("remote", "add", "origin", "https://user:token@git.example/acme/tool.git")
    committed, _ = compiled(ecc, folder)
    (folder / "tool.bpf.c").write_text(SOURCE + "\n")
    changed, _ = compiled(ecc, folder)

    commit = git("rev-parse", "HEAD")
    assert committed["predicate"]["buildDefinition"]["resolvedDependencies"][0] == {
        "uri": f"git+https://git.example/acme/tool.git@{commit}", "digest": {"gitCommit": commit},
    }  # fmt: skip
    assert not any("git+" in each["uri"] for each in changed["predicate"]["buildDefinition"]["resolvedDependencies"])


@pytest.mark.parametrize(
    ("environment", "builder"),
    [
        ({}, "urn:eunomia:builder:local"),
        (
            {
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_WORKFLOW_REF": "a/b/.github/workflows/c.yml@refs/heads/m",
            },
            "https://github.com/a/b/.github/workflows/c.yml@refs/heads/m",
        ),
        ({"CI_PROJECT_URL": "https://gitlab.com/a/b", "CI_RUNNER_ID": "9"}, "https://gitlab.com/a/b/-/runners/9"),
    ],
)
def test_runners_say_who_they_are(environment: dict[str, str], builder: str) -> None:
    assert builder_of(environment) == builder


def test_papers_need_a_file_to_lie_beside(ecc: Command, folder: Path) -> None:
    refused = ecc("--provenance", "-I", folder / "include", "-o", "-", folder / "tool.bpf.c")

    assert (refused.returncode, refused.stderr) == (
        2, "ecc: --provenance: /dev/stdout is no file that something can lie beside [-o FILE]\n",
    )  # fmt: skip
