"""A graph as one self-contained C++17 header with a C ABI: integer arithmetic, the kernel's integers."""

from __future__ import annotations

from l1forge.emulator.c_export.export import export_c, model_namespace

__all__ = ["export_c", "model_namespace"]
