"""Streams of bunch crossings: blocks, filling scheme, signal injection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.stream.blocks import Block, Part, Recipe, ReplayStream
    from l1forge.emulator.stream.filled import FilledStream
    from l1forge.emulator.stream.injection import Injection, Noise, probability
    from l1forge.emulator.stream.open import Stream, open_source, open_stream

__all__ = [
    "Block",
    "FilledStream",
    "Injection",
    "Noise",
    "Part",
    "Recipe",
    "ReplayStream",
    "Stream",
    "open_source",
    "open_stream",
    "probability",
]

__getattr__ = lazily(
    __name__,
    {
        "Block": "blocks",
        "FilledStream": "filled",
        "Injection": "injection",
        "Noise": "injection",
        "Part": "blocks",
        "Recipe": "blocks",
        "ReplayStream": "blocks",
        "Stream": "open",
        "open_source": "open",
        "open_stream": "open",
        "probability": "injection",
    },
)
