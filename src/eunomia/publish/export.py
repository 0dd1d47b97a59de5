"""A package in the forms that other programs take: archive, object, skeleton, executable."""

from __future__ import annotations

from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.package.model import Package

SUFFIXES = {
    "json": ".json",
    "yaml": ".yaml",
    "tar": ".tar",
    "bpf.o": ".bpf.o",
    "skeleton": ".skel.h",
    "standalone": "",
}
FORMATS = tuple(SUFFIXES)
ONE_ARCHITECTURE = frozenset(("bpf.o", "skeleton", "standalone"))
_MAX_NAME = 100


def export(package: Package, form: str, *, arch: str = "", name: str = "") -> bytes:
    """Return a package in one of FORMATS.

    Args:
        package: the package; of `tar` its BTF archive goes along, every other form leaves it out.
        form: `json`, `yaml` and `tar` are packages as `ecc` writes them; `bpf.o` the object alone; `skeleton` a header
            for C and C++ of the shape that bpftool's have; `standalone` an executable
            for Linux that needs nothing else.
        arch: any name of the architecture that bpf.o, skeleton and standalone are for; "": this machine's where the
            package serves it, else the package's own.
        name: what names in a skeleton begin with; "": libbpf's name of the object, as in `bootstrap_bpf`.

    Raises:
        UnsupportedError: the package has nothing for that architecture.
        PackageError: it is damaged.
        MissingDependencyError: YAML without PyYAML.
        ValueError: no such form.
    """
    if form == "json":
        return package.whole.to_json().encode()
    if form == "yaml":
        return package.whole.to_yaml().encode()
    if form == "tar":
        return package.whole.to_tar()
    if form not in ONE_ARCHITECTURE:
        raise ValueError(f"export: unknown format {form!r} (known are {', '.join(FORMATS)})")
    if form == "standalone":
        from eunomia.publish.standalone import build

        return build(package.whole, arch)
    chosen = package.for_arch(arch) if arch else package.here()
    if form == "bpf.o":
        _must_be_elf(chosen)
        return chosen.object
    from eunomia.compiler.skeletons import generate

    return generate(chosen, "c", name or None).encode("utf-8", "surrogateescape")


def file_name(origin: str, package: Package, form: str) -> str:
    """Return the name of the file for an exported form, safe whatever the package or its origin are called.

    Args:
        origin: what the user called the program: a built-in tool's name, a path, a URL or a reference.
        package: the package, whose object's name is taken where the origin's last part is `package` or nothing.
        form: one of FORMATS.
    """
    last = origin.partition("?")[0].rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    for suffix in (".json", ".yaml", ".yml", ".tar", ".o", ".c"):
        last = last.removesuffix(suffix)
    stem = _safe(last.removesuffix(".bpf"))
    if stem in ("", "package"):
        stem = _safe(package.name.removesuffix("_bpf")) or "package"
    return stem + SUFFIXES[form]


def form_of(path: str) -> str:
    """Return the form that a file's name asks for, "" where it says none."""
    if path.endswith(".yml"):
        return "yaml"
    if path.endswith(".h"):
        return "skeleton"
    if path.endswith(".o"):
        return "bpf.o"
    return next((form for form, suffix in SUFFIXES.items() if suffix and path.endswith(suffix)), "")


def _safe(text: str) -> str:
    """Keep what is safe in a file's name and in a shell: no separators, nothing hidden, no option."""
    kept = "".join(c if c in "._-+" or (c.isascii() and c.isalnum()) else "_" for c in text)
    return kept.lstrip(".-_")[:_MAX_NAME]


def _must_be_elf(package: Package) -> None:
    if package.object[:4] != b"\x7fELF":
        raise PackageError(f"export {package.name}: the package's object is no ELF file")
