"""Who writes what into which registry, and who reads it from there; docs/registries-tested.md is made of this.

EUNOMIA_WRITE_DOCS=1 writes the page; without it, the page must say what was seen.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia import builtin
from support import wasm_writer
from support.commands import Command
from support.registries import KINDS, Registry
from support.registry_clients import RegistryClient, home_environment

pytestmark = pytest.mark.root  # what is read is run on the real kernel

SEVEN = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(7) + wasm_writer.call(0))
TOOL = builtin.read("opensnoop")
# Where a system call's arguments are depends on the architecture: an object for each.
ONE_EACH = """\
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
struct event { unsigned int pid; unsigned long first; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("raw_tp/sys_enter") int on_enter(struct bpf_raw_tracepoint_args *ctx) {
    struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
    struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event) return 0;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->first = PT_REGS_PARM1_CORE_SYSCALL(regs);
    bpf_ringbuf_submit(event, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""
WITH_LAYERS = "FROM scratch\nCOPY unrelated /etc/unrelated\nCOPY {name} /{name}\n"
PAGE = "docs/registries-tested.md"
NAMES = {
    "distribution": "distribution (Debian's docker-registry)",
    "ggcr": "go-containerregistry",
    "cue": "cuelabs' ociregistry",
}
# What is in the registry: (who wrote it, what it is, package or guest).
ROWS = {
    "ecli-oci": ("ecli push", "package, our own type", "package"),
    "ecli-index": ("ecli push", "package for x86-64 and arm64, an index", "package"),
    "ecli-image": ("ecli push --layout image", "package in a container image", "package"),
    "ecli-legacy": ("ecli push --layout legacy", "package in the first system's layout", "package"),
    "ecli-guest": ("ecli push", "guest, CNCF's Wasm artifact", "guest"),
    "ecli-guest-image": ("ecli push --layout image", "guest in a container image (wasi/wasm)", "guest"),
    "ecli-guest-legacy": ("ecli push --layout legacy", "guest in the first system's layout", "guest"),
    "oras-file": ("oras push", "package as a file, no type given", "package"),
    "oras-wasm": ("oras push", "guest, CNCF's types given", "guest"),
    "buildah-oci": ("buildah", "package by FROM scratch, COPY; OCI", "package"),
    "buildah-docker": ("buildah", "guest by FROM scratch, COPY; Docker's schema 2", "guest"),
    "skopeo-copy": ("skopeo copy", "our index, copied within the registry", "package"),
}


class Trial:
    """Writes each row into each registry once, and lets everybody read it."""

    def __init__(self, folder: Path, ecli: Command, registry: Callable[..., Registry], compiled: Path) -> None:
        self.folder, self.ecli, self.registry, self.compiled = folder, ecli, registry, compiled
        self.home = home_environment(folder / "home")
        self.oras, self.skopeo, self.cosign, self.buildah = (
            RegistryClient(name, self.home) for name in ("oras", "skopeo", "cosign", "buildah")
        )
        Path(self.home["REGISTRY_AUTH_FILE"]).write_text("{}")  # buildah wants one
        (folder / "tool.json").write_bytes(TOOL)
        (folder / "app.wasm").write_bytes(SEVEN)
        (folder / "unrelated").write_text("no program\n")
        (folder / "both.json").write_bytes(compiled.read_bytes())
        self.cosign("generate-key-pair", env={"COSIGN_PASSWORD": "x"}, cwd=folder)
        self.seen: dict[tuple[str, str], list[str]] = {}

    def of(self, row: str, kind: str) -> list[str]:
        """Return who read what the row's writer wrote into a registry."""
        if (row, kind) not in self.seen:
            place = self.registry(kind)
            reference = f"{place.repository(row)}:1"
            self.write(row, place, reference)
            self.seen[row, kind] = [name for name, read in self.readers().items() if read(row, place, reference)]
        return self.seen[row, kind]

    def write(self, row: str, place: Registry, reference: str) -> None:
        by, _, what = ROWS[row]
        file = "both.json" if row in ("ecli-index", "skopeo-copy") else "tool.json" if what == "package" else "app.wasm"
        if by.startswith("ecli"):
            self.push(file, reference, *by.split()[2:])
        elif row == "skopeo-copy":
            self.push(file, f"{reference}-source")
            no_tls = ("--src-tls-verify=false", "--dest-tls-verify=false")
            self.skopeo("copy", "--all", *no_tls, f"docker://{reference}-source", f"docker://{reference}")
        elif row == "oras-file":
            self.oras("push", *place.oras, reference, file, cwd=self.folder)
        elif row == "oras-wasm":
            config = self.folder / "config.json"
            config.write_text('{"architecture":"wasm","os":"wasip1"}')
            types = ("--config", "config.json:application/vnd.wasm.config.v0+json", f"{file}:application/wasm")
            self.oras("push", *place.oras, reference, *types, cwd=self.folder)
        else:
            self.build(reference, file, "oci" if row == "buildah-oci" else "v2s2")

    def push(self, file: str, reference: str, *words: str) -> None:
        pushed = self.ecli("push", file, reference, *words, env=self.home, cwd=self.folder)
        assert pushed.returncode == 0, pushed

    def build(self, reference: str, file: str, form: str) -> None:
        """Build `FROM scratch` with two layers and push it; no engine and no base image are needed."""
        (self.folder / "Containerfile").write_text(WITH_LAYERS.format(name=file))
        store = ("--storage-driver", "vfs", "--root", self.folder / "containers", "--runroot", self.folder / "run")
        kept = ("--isolation", "chroot", "--layers", "--format", "oci" if form == "oci" else "docker")
        self.buildah(*store, "bud", *kept, "-t", "made", ".", cwd=self.folder)
        self.buildah(*store, "push", "--tls-verify=false", "--format", form, "made", f"docker://{reference}")

    def readers(self) -> dict[str, Callable[[str, Registry, str], bool]]:
        return {"ecli": self.by_ecli, "oras": self.by_oras, "skopeo": self.by_skopeo, "cosign": self.by_cosign}

    def data(self, row: str) -> bytes:
        if row in ("ecli-index", "skopeo-copy"):
            return (self.folder / "both.json").read_bytes()
        return TOOL if ROWS[row][2] == "package" else SEVEN

    def by_ecli(self, row: str, place: Registry, reference: str) -> bool:
        """Whether `ecli pull` gives the bytes, and `ecli run` runs them on this kernel."""
        pulled = self.ecli("pull", reference, "-o", "pulled", env=self.home, cwd=self.folder)
        assert pulled.returncode == 0, pulled
        if (self.folder / "pulled").read_bytes() != self.data(row):
            return False
        if ROWS[row][2] == "guest":
            return self.ecli("run", reference, env=self.home).returncode == 7
        running = self.ecli.start("run", "--json", "--max-events", "1", reference, env=self.home)
        opening = subprocess.Popen(  # events for opensnoop
            [sys.executable, "-c", "import time\nfor _ in range(3000): open('/dev/null').close(); time.sleep(0.01)"]
        )
        try:
            done = running.finish(30)
        finally:
            opening.kill()
            opening.wait()
        assert done.returncode == 0, done
        return len(done.events) == 1

    def by_oras(self, row: str, place: Registry, reference: str) -> bool:
        """Whether `oras copy` gets all of it, and `oras pull` the program as a file where it is one."""
        layout = self.folder / f"oras-{row}-{place.kind}"
        plain = ["--from-plain-http"]
        self.oras("copy", *plain, reference, "--to-oci-layout", f"{layout}:x")
        blobs = list((layout / "blobs/sha256").iterdir())
        assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs)
        return any(self.data(row) in blob.read_bytes() or is_packed(self.data(row), blob) for blob in blobs)

    def by_skopeo(self, row: str, place: Registry, reference: str) -> bool:
        """Whether `skopeo copy --all` gets all of it."""
        folder = self.folder / f"skopeo-{row}-{place.kind}"
        self.skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{reference}", f"dir:{folder}")
        blobs = [path for path in folder.iterdir() if re.fullmatch(r"[0-9a-f]{64}", path.name)]
        return any(self.data(row) in blob.read_bytes() or is_packed(self.data(row), blob) for blob in blobs)

    def by_cosign(self, row: str, place: Registry, reference: str) -> bool:
        """Whether cosign signs it and verifies that, and so do we."""
        raw = self.skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}").stdout
        named = f"{reference.rpartition(':')[0]}@sha256:{hashlib.sha256(raw.encode()).hexdigest()}"
        words = ("--tlog-upload=false", "-y", "--key", "cosign.key", named)
        self.cosign("sign", *words, env={"COSIGN_PASSWORD": "x"}, cwd=self.folder)
        said = self.cosign("verify", "--key", "cosign.pub", "--insecure-ignore-tlog", named, cwd=self.folder).stdout
        ours = self.ecli("verify", "--key", "cosign.pub", reference, env=self.home, cwd=self.folder)
        assert ours.returncode == 0, ours
        return bool(json.loads(said)[0]["critical"]["image"]["docker-manifest-digest"] == named.partition("@")[2])


def is_packed(data: bytes, blob: Path) -> bool:
    """Whether a blob is a compressed layer that has these bytes."""
    import gzip

    content = blob.read_bytes()
    return content[:2] == b"\x1f\x8b" and data in gzip.decompress(content)


@pytest.fixture(scope="module")
def trial(
    tmp_path_factory: pytest.TempPathFactory, registry: Callable[..., Registry], test_session: str
) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("trial")
    (folder / "source").mkdir()
    ecc, ecli = Command("ecc", test_session), Command("ecli", test_session)
    source = folder / "source/enter.bpf.c"
    source.write_text(ONE_EACH)
    made = ecc("--target-arch", "x86,arm64", source, "-o", folder / "source/package.json")
    assert made.returncode == 0, made
    yield Trial(folder, ecli, registry, folder / "source/package.json")
    ecli.close()
    ecc.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ROWS)
def test_everybody_reads_what_was_written(trial: Trial, row: str, kind: str) -> None:
    assert trial.of(row, kind) == ["ecli", "oras", "skopeo", "cosign"]


def test_the_page_says_what_was_seen(trial: Trial, root: Path) -> None:
    text = page(trial)
    if os.environ.get("EUNOMIA_WRITE_DOCS"):
        (root / PAGE).write_text(text)

    def table(found: str) -> list[str]:
        return [line for line in found.splitlines() if line.startswith("|")]

    assert table((root / PAGE).read_text()) == table(text)


def page(trial: Trial) -> str:
    """Return the page: who read, for each row and registry."""
    lines = [
        "# Registries tested",
        "",
        (
            "Who wrote an image into which registry, and who read it from there. Made by"
            " [a test](../tests/network/test_who_wrote_who_reads.py) with the real programs, on loopback:"
            " `EUNOMIA_WRITE_DOCS=1 scripts/test tests/network/test_who_wrote_who_reads.py`."
        ),
        "",
        f"| written by | what | {' | '.join(NAMES[kind] for kind in KINDS)} |",
        f"|---|---|{'---|' * len(KINDS)}",
    ]
    for row, (by, what, _) in ROWS.items():
        cells = [", ".join(trial.of(row, kind)) for kind in KINDS]
        lines.append(f"| `{by}` | {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n" + MEANING.format(versions=versions(trial))


MEANING = """
What it means that somebody read it:

- **ecli**: `ecli pull` gives the bytes that were written, and `ecli run` runs them on the real kernel: a package until
  its first event, a guest until it exits.
- **oras**: `oras copy` gets the whole image with every digest right.
- **skopeo**: `skopeo copy --all` does.
- **cosign**: `cosign sign` with a key signs it there, `cosign verify` and `ecli verify` find the signature.

{versions}

Also in the suite: a registry that refuses what is no container image (`ecli push` falls back to one), TLS and passwords
for all three, referrers with and without the registry's API, and a registry that misbehaves in every way that we could
think of. Not tried, because this project's machines reach nothing else: Docker Hub, GitHub's, Google's and Amazon's
registries, Harbor, Quay, zot.
"""


def versions(trial: Trial) -> str:
    """Return the sentence of the versions."""
    found = {
        "oras": trial.oras("version").stdout,
        "skopeo": trial.skopeo("--version").stdout,
        "buildah": trial.buildah("--version").stdout,
        "docker-registry": RegistryClient("docker-registry", trial.home)("--version").stdout,
    }
    numbers = {name: re.search(r"\d+\.\d+(\.\d+)?", text) for name, text in found.items()}
    said = [f"{name} {number[0]}" for name, number in numbers.items() if number]
    return f"Versions of the run that wrote this page: {', '.join(said)}, cosign of Debian 13."
