"""Which nnet functions can be translated."""

from __future__ import annotations

from collections.abc import Callable

from firmware.hls.builder import Builder
from firmware.hls.source import Call

Translator = Callable[[Builder, Call], None]
TRANSLATORS: dict[str, Translator] = {}


def translator(*functions: str) -> Callable[[Translator], Translator]:
    """Register a translator for nnet functions."""

    def register(function: Translator) -> Translator:
        for name in functions:
            TRANSLATORS[name] = function
        return function

    return register
