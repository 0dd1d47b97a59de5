"""The package format: model, codec, validation, options from globals."""

from __future__ import annotations

from eunomia.package.model import Package

__all__ = ["Package"]
