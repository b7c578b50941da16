"""Which nnet functions can be translated."""

from __future__ import annotations

from collections.abc import Callable

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder, config_of

Translator = Callable[[Builder, Call], None]
TRANSLATORS: dict[str, Translator] = {}


def translator(*functions: str, elementwise: bool = False) -> Callable[[Translator], Translator]:
    """Register a translator for nnet functions.

    ``elementwise``: the C++ reads and writes as many elements as its config says (``n_in``), whatever the
    sizes of its arrays are; the translator is called only if these agree.
    """

    def register(function: Translator) -> Translator:
        for name in functions:
            TRANSLATORS[name] = _checked(function) if elementwise else _guarded(function)
        return function

    def _guarded(function: Translator) -> Translator:
        def translate(builder: Builder, call: Call) -> None:
            try:
                function(builder, call)
            except InputError:
                raise
            except (IndexError, ValueError) as error:  # arguments that are missing, or too many of them
                raise builder.refuse(
                    f"the call of nnet::{call.function} cannot be read: {error}", ", ".join(call.arguments)
                ) from error

        return translate

    def _checked(function: Translator) -> Translator:
        def translate(builder: Builder, call: Call) -> None:
            if not call.arguments:
                raise builder.refuse(f"nnet::{call.function} has no arguments")
            size = builder.value(call.arguments[0]).node.size // builder.rows
            count = builder.source.integer(config_of(builder, call), "n_in", size)
            if count != size:
                raise builder.refuse(
                    f"reads n_in elements of an array that holds {size}",
                    count,
                    "make n_in of the config the size of the array",
                )
            _guarded(function)(builder, call)

        return translate

    return register
