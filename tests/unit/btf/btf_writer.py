"""A small writer of BTF."""

from __future__ import annotations

import struct

from eunomia.btf import types as kinds
from eunomia.btf.types import Btf


class Writer:
    """Writes BTF; each method returns the id of the type it adds."""

    def __init__(self) -> None:
        self.strings = bytearray(1)
        self.types: list[bytes] = []

    def string(self, text: str) -> int:
        if not text:
            return 0
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def add(self, kind: int, name: str, word: int, *, vlen: int = 0, flag: int = 0, extra: bytes = b"") -> int:
        self.types.append(struct.pack("<III", self.string(name), flag << 31 | kind << 24 | vlen, word) + extra)
        return len(self.types)

    def int(self, name: str, size: int, encoding: int = 0, bits: int = 0, offset: int = 0) -> int:
        return self.add(
            kinds.INT, name, size, extra=struct.pack("<I", encoding << 24 | offset << 16 | (bits or size * 8))
        )

    def struct(
        self, name: str, size: int, *members: tuple[str, int, int], flag: int = 0, kind: int = kinds.STRUCT
    ) -> int:
        extra = b"".join(struct.pack("<III", self.string(m), t, at) for m, t, at in members)
        return self.add(kind, name, size, vlen=len(members), flag=flag, extra=extra)

    def array(self, element: int, count: int) -> int:
        return self.add(kinds.ARRAY, "", 0, extra=struct.pack("<III", element, 0, count))

    def proto(self, returns: int, *params: tuple[str, int]) -> int:
        extra = b"".join(struct.pack("<II", self.string(name), t) for name, t in params)
        return self.add(kinds.FUNC_PROTO, "", returns, vlen=len(params), extra=extra)

    def bytes(self) -> bytes:
        types = b"".join(self.types)
        header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(self.strings))
        return header + types + bytes(self.strings)

    def btf(self) -> Btf:
        return Btf.from_bytes(self.bytes())
