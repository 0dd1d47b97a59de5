"""`ecc --provenance`: what is written beside a package about how it was made and what is in it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.compiler.build import Build
    from eunomia.package.model import Package

# Options that say what is made; those that only say where to or how much is told are not in the statement.
OPTIONS = (
    "accounting", "additional-cflags", "btfgen", "define", "guest", "header-only", "target-arch", "toolchain", "yaml",
)  # fmt: skip


class Papers:
    """Notes what one source is compiled of, and makes the papers of its packages."""

    __slots__ = ("_making", "_values")

    def __init__(self, source: str, values: Values) -> None:
        from eunomia.publish.provenance import Making

        self._making = Making(source)
        self._values = values

    def add(self, build: Build) -> None:
        """Note how one object was made."""
        self._making.add(build)

    def write(
        self, package: Package, made: Mapping[str, bytes], *, are_executables: bool = False
    ) -> Iterator[tuple[str, bytes]]:
        """Yield paths and bytes of the papers of the packages that were written."""
        from eunomia.publish import provenance, sbom

        values = self._values
        if values["guest"]:
            self._making.add_file(values["guest"])
        for path, data in made.items():
            name = os.path.basename(path)
            yield (
                path + provenance.SUFFIX,
                provenance.statement(self._making, {name: data}, self._given(), values["builder-id"] or ""),
            )
            yield path + sbom.SUFFIX, sbom.bill(package, self._making, name, data, is_executable=are_executables)

    def _given(self) -> dict[str, Any]:
        values = self._values
        found = {name: values[name] for name in OPTIONS if name in values.given}
        if "guest" in found:
            found["guest"] = os.path.basename(found["guest"])
        return found
