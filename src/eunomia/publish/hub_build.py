"""A hub of a folder with packages and guests: index, files by version, the first system's paths, signatures, pages.

Built again into the same folder it keeps the versions that are there, and adds what is new: what was published stays.
The same input gives the same bytes.
"""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from eunomia.errors import FetchError, PackageError
from eunomia.package.model import Package
from eunomia.publish.hub_files import SIGNATURES, write, write_first_system
from eunomia.publish.hub_markdown import plain
from eunomia.registry import hub_index
from eunomia.registry.hub_entry import line, of_guest, of_package, version_of
from eunomia.registry.resolve import Limits
from eunomia.registry.store import digest_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.publish.private_keys import PrivateKey

SUFFIXES = {".json": "package.json", ".tar": "package.tar", ".wasm": "app.wasm"}
GENERIC = ("package", "app", "main", "guest")  # names of files that say nothing: the folder's name is the tool's
NO_VERSION = "0.0.0"
MAX_FILES = 20_000
MAX_README = 256 << 10
README = "README.md"
WASM = b"\0asm"
_WORDS = (b'"bpf_object"', b'"bpf_skel"')  # a JSON document without them is no package, and not a damaged one


class Settings:
    """How a hub is made.

    Args:
        out: the folder that it is written to.
        title: what it is called on its pages; "" keeps the one it had.
        base_url: where it will be; "" keeps what was said before.
        key: the private key that signs it; None: it is not signed, which is refused where its index was.
        matrix: file with more evidence by kernel (docs/matrix.json), "" for none.
        yanked: `NAME@VERSION=REASON` of versions to withdraw.
        replace: a version may have other bytes than before.
        version: of packages and guests for which neither path nor package says one.
        previous: a published hub whose versions stay, "" for none; `limits` is what may be spent on fetching it.
    """

    __slots__ = ("base_url", "key", "limits", "matrix", "out", "previous", "replace", "title", "version", "yanked")

    def __init__(
        self,
        out: str,
        *,
        title: str = "",
        base_url: str = "",
        key: PrivateKey | None = None,
        matrix: str = "",
        yanked: tuple[str, ...] = (),
        replace: bool = False,
        version: str = NO_VERSION,
        previous: str = "",
        limits: Limits | None = None,
    ) -> None:
        self.out = out
        self.title = title
        self.base_url = base_url
        self.key = key
        self.matrix = matrix
        self.yanked = yanked
        self.replace = replace
        self.version = version
        self.previous = previous
        self.limits = limits or Limits()


class Candidate:
    """A file that is to be a version of a tool."""

    __slots__ = ("data", "entry", "file", "has_version", "name", "path", "readme", "version")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.name = self.version = ""
        self.has_version = True
        self.file = SUFFIXES[os.path.splitext(path)[1]]
        self.entry: dict[str, Any] = {}
        self.readme = b""


def build(folder: str, settings: Settings) -> dict[str, Any]:
    """Make a hub of what is in a folder; return what was done.

    Returns:
        `tools` and `versions`: how many there are; `added`, `skipped`; `unversioned`: those that say no version;
        `withdrawn`; `signed`; `had_previous`.

    Raises:
        FetchError: the folder has nothing for a hub, two files are the same version, or one that was published changed.
        PackageError: a package is damaged.
        OSError: a file cannot be read or written.
    """
    out = os.path.abspath(settings.out)
    if os.path.abspath(folder) == out:
        raise FetchError(f"build hub: {folder} is read and cannot be written to as well [--out DIR]")
    if not os.path.isdir(folder):
        raise FetchError(f"build hub: {folder}: no such folder")
    has_previous = False
    if settings.previous:
        from eunomia.publish.hub_previous import take_over

        has_previous = take_over(settings.previous, out, settings.limits, settings.key)
    tree = _before(out)
    if settings.key is None:
        _refuse_unsigned(out)
    if not hub_index.VERSION.fullmatch(settings.version):
        raise FetchError(f"build hub: {settings.version!r} is no version [letters, digits, . _ + -]")
    found, skipped = _candidates(folder, out, settings.version)
    if not found and not tree["tools"]:
        raise FetchError(f"build hub: no package or guest in {folder} [ecc makes packages; *.json, *.tar, *.wasm]")
    added = _merge(tree, found, settings, out)
    if settings.title:
        tree["title"] = settings.title
    if settings.base_url:
        tree["url"] = settings.base_url.rstrip("/") + "/"
    withdrawn = _yank(tree, settings.yanked)
    if settings.matrix:
        _add_matrix(tree, settings.matrix)
    if settings.key is not None:
        from eunomia.publish.hub_sign import sign_index, sign_versions

        sign_versions(tree, out, settings.key)
    write_first_system(tree, out, settings.key)
    index = hub_index.dump(tree)
    hub_index.parse(index, out)  # what is published is what clients accept
    _write_index(index, out)
    if settings.key is not None:
        sign_index(out, settings.key)
    from eunomia.publish.hub_site import write_site

    write_site(tree, out, tree.get("url", ""))
    return {
        "tools": len(tree["tools"]),
        "versions": sum(len(tool["versions"]) for tool in tree["tools"]),
        "added": added,
        "skipped": skipped,
        "unversioned": [each.name for each in found if not each.has_version],
        "withdrawn": withdrawn,
        "had_previous": has_previous,
        "signed": settings.key is not None,
    }


def _before(out: str) -> dict[str, Any]:
    """Return the index that is there already, or an empty one."""
    try:
        with open(os.path.join(out, hub_index.FILE), "rb") as file:
            return hub_index.parse(file.read(hub_index.MAX_INDEX + 1), out)
    except FileNotFoundError:
        if os.path.isdir(out) and os.listdir(out):
            raise FetchError(
                f"build hub: {out} is no hub, and not empty [--out DIR of an empty or new folder]"
            ) from None
        return {"eunomia_hub": hub_index.FORMAT, "title": "", "tools": []}


def _refuse_unsigned(out: str) -> None:
    """Raise FetchError where the index that is there is signed: who has added it with its key would be locked out."""
    index = os.path.join(out, hub_index.FILE)
    if any(os.path.exists(index + suffix) for suffix in SIGNATURES):
        raise FetchError(
            f"build hub: {out} is signed: without --sign who has added it with its key would be refused"
            f" [--sign KEY, or remove {hub_index.FILE}.sig and {hub_index.FILE}.sigstore.json]"
        )


def _candidates(folder: str, out: str, version: str) -> tuple[list[Candidate], list[str]]:
    """Return the packages and guests below a folder, and lines about files that look like them and are none."""
    found: list[Candidate] = []
    skipped: list[str] = []
    for path in _files(folder, out):
        with open(path, "rb") as file:
            data = file.read(hub_index.MAX_SIZE + 1)
        candidate = Candidate(path, data)
        try:
            known = _describe(candidate)
        except PackageError as exc:
            skipped.append(f"{path}: {exc}")
            continue
        if known:
            _name(candidate, folder, version)
            _take_readme(candidate, folder)
            found.append(candidate)
    found.sort(key=lambda each: (each.name, hub_index.order(each.version), each.path))
    for one, two in itertools.pairwise(found):
        if (one.name, one.version) == (two.name, two.version) and one.data != two.data:
            raise FetchError(
                f"build hub: {one.path} and {two.path} are both {one.name} {one.version}"
                " [a folder for each version, as in NAME/1.2/package.json]"
            )
    return found, skipped


def _files(folder: str, out: str) -> list[str]:
    paths = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and os.path.abspath(os.path.join(place, name)) != out
        )
        paths += [
            os.path.join(place, name)
            for name in sorted(names)
            if os.path.splitext(name)[1] in SUFFIXES and not name.startswith((".", "_"))
        ]
        if len(paths) > MAX_FILES:
            raise FetchError(f"build hub: more than {MAX_FILES} files in {folder}")
    return paths


def _describe(candidate: Candidate) -> bool:
    """Fill in what a file is; False for a JSON document that is something else."""
    if candidate.data[:4] == WASM:
        from eunomia.errors import GuestError
        from eunomia.wasm.describe import describe

        try:
            candidate.entry = of_guest(describe(candidate.data, candidate.path))
        except GuestError as exc:
            raise PackageError(str(exc)) from exc
        return True
    if candidate.file == "app.wasm":
        raise PackageError("no Wasm module")
    if candidate.file == "package.json" and not any(word in candidate.data for word in _WORDS):
        return False
    package = Package.from_bytes(candidate.data, candidate.path)
    candidate.entry, candidate.version = of_package(package), version_of(package)
    return True


def _name(candidate: Candidate, folder: str, version: str) -> None:
    """Take name and version from the path: NAME.json, NAME/package.json, NAME/VERSION/package.json."""
    parts = os.path.relpath(candidate.path, folder).split(os.sep)
    stem, above = os.path.splitext(parts[-1])[0], parts[:-1]
    if above and above[-1][:1].isdigit() and hub_index.VERSION.fullmatch(above[-1]):
        candidate.version = above.pop()
    generic = stem in GENERIC or stem.endswith(".skel")
    candidate.name = (above[-1] if above else os.path.basename(os.path.abspath(folder))) if generic else stem
    candidate.has_version = bool(candidate.version)
    candidate.version = candidate.version or version
    if not hub_index.NAME.fullmatch(candidate.name):
        raise FetchError(
            f"build hub: {candidate.path}: {candidate.name!r} is no name of a tool [letters, digits, . _ + -]"
        )


def _take_readme(candidate: Candidate, folder: str) -> None:
    """Take NAME.md or README.md beside the file, or above its version's folder; that of the whole is no tool's."""
    place = os.path.dirname(candidate.path)
    above = os.path.dirname(place) if os.path.basename(place) == candidate.version else place
    for path in (os.path.join(place, f"{candidate.name}.md"), *(os.path.join(each, README) for each in (place, above))):
        if os.path.basename(path) == README and os.path.abspath(os.path.dirname(path)) == os.path.abspath(folder):
            continue
        try:
            with open(path, "rb") as file:
                candidate.readme = file.read(MAX_README)
        except OSError:
            continue
        break
    _summary(candidate)


def _summary(candidate: Candidate) -> None:
    """A tool without a summary of its own has the first paragraph of its text."""
    if candidate.entry["summary"]:
        return
    text = candidate.readme.decode("utf-8", "replace")
    paragraphs = (part.strip() for part in text.split("\n\n"))
    candidate.entry["summary"] = line(
        plain(next((part for part in paragraphs if part and not part.startswith(("#", "```", "|", "<", "!["))), ""))
    )


def _merge(tree: dict[str, Any], found: list[Candidate], settings: Settings, out: str) -> list[str]:
    """Put the versions into the index and their files into the folder; return those that are new."""
    tools = {tool["name"]: tool for tool in tree["tools"]}
    added = []
    for each in found:
        tool = tools.setdefault(each.name, {"name": each.name, "versions": []})
        if tool["versions"] and tool["kind"] != each.entry["kind"]:
            raise FetchError(
                f"build hub: {each.path} is a {each.entry['kind']}, {each.name} was a {tool['kind']} before"
            )
        if _put_version(tool, each, settings, out):
            added.append(f"{each.name} {each.version}")
        best = hub_index.newest(tool)
        if best is None or best["version"] == each.version:
            extra = {key: tool[key] for key in ("readme",) if key in tool}
            tools[each.name] = {"name": each.name, **each.entry, **extra, "versions": tool["versions"]}
            if each.readme:
                tools[each.name]["readme"] = f"{each.name}/{README}"
                write(os.path.join(out, each.name, README), each.readme)
    tree["tools"] = sorted(tools.values(), key=lambda tool: tool["name"])
    return added


def _put_version(tool: dict[str, Any], each: Candidate, settings: Settings, out: str) -> bool:
    """Put a version into a tool's entry and its file into the folder; return whether it is new."""
    digest = digest_of(each.data)
    location = f"{each.name}/{each.version}/{each.file}"
    before = next((one for one in tool["versions"] if one["version"] == each.version), None)
    if before is not None and before["digest"] != digest and not settings.replace:
        raise FetchError(
            f"build hub: {each.path}: {each.name} {each.version} is published already with other bytes"
            f" ({before['digest'][:19]}…) [give it a new version, or --replace]"
        )
    row = {"version": each.version, "digest": digest, "size": len(each.data), "location": location}
    if before is not None:
        unchanged = before["digest"] == digest
        row |= {key: before[key] for key in ("yanked", "signatures") if key in before and unchanged}
        tool["versions"].remove(before)
    tool["versions"].append(row)
    write(os.path.join(out, location), each.data)
    return before is None or before["digest"] != digest


def _yank(tree: dict[str, Any], texts: tuple[str, ...]) -> list[str]:
    """Withdraw versions; return lines that say so."""
    done = []
    for text in texts:
        what, _, reason = text.partition("=")
        if not reason.strip():
            raise FetchError(f"build hub: --yank {text}: why? [NAME@VERSION=REASON]")
        name, _, wanted = what.partition("@")
        row = next(
            (
                version
                for tool in tree["tools"]
                if tool["name"] == name
                for version in tool["versions"]
                if version["version"] == wanted
            ),
            None,
        )
        if row is None:
            raise FetchError(f"build hub: --yank {text}: no such tool and version [NAME@VERSION=REASON]")
        row["yanked"] = line(reason)
        done.append(f"{name} {wanted}: {row['yanked']}")
    return done


def _add_matrix(tree: dict[str, Any], path: str) -> None:
    """Add what docs/matrix.json says about tools to their evidence: a run in a machine with each kernel."""
    try:
        with open(path, "rb") as file:
            matrix = json.load(file)
        kernels = {each["name"]: each["release"] for each in matrix["kernels"]}
        rows = {row["name"]: row["on"] for row in matrix["rows"] if row["kind"] == "tool"}
        for tool in tree["tools"]:
            there = {(each["arch"], each["kernel"]): each for each in tool.get("evidence", ())}
            for name, cell in rows.get(tool["name"], {}).items():
                arch = {"amd64": "x86"}.get(name.rpartition(" ")[2], name.rpartition(" ")[2])
                row = {"kernel": kernels[name], "arch": arch, "outcome": cell["outcome"], "date": matrix["date"]}
                there.setdefault((arch, row["kernel"]), row | {"reason": line(cell.get("reason", ""))})
            if there:
                tool["evidence"] = sorted(
                    there.values(),
                    key=lambda each: (each["arch"] != "x86", each["arch"], hub_index.order(each["kernel"])),
                )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise FetchError(f"read {path}: no matrix of kernels: {type(exc).__name__} {exc}") from None


def _write_index(index: bytes, out: str) -> None:
    """Write the index; signatures of another one are taken away."""
    path = os.path.join(out, hub_index.FILE)
    if write(path, index):
        for suffix in SIGNATURES:
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
