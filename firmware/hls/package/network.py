"""The network of an emulator package as a parsed project."""

from __future__ import annotations

import re
from pathlib import Path

from l1forge.firmware.hls.package.files import Package
from l1forge.firmware.hls.project.generated import read_generated
from l1forge.firmware.hls.project.headers.recognise import GENERATED, recognise
from l1forge.firmware.hls.project.parse import read_defines, read_parameters, read_top
from l1forge.firmware.hls.project.preprocess import Macros, preprocess
from l1forge.firmware.hls.project.source import Source

_INITIAL = re.compile(r"\b(\w+)\s*\[[^\]]*\]\s*=?\s*\{")
_GUARD = re.compile(r"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)[ \t]*\n\s*#[ \t]*define[ \t]+\1\b", flags=re.M)


def read_network(package: Package) -> Source:
    """Parse the network: constants, types, config structs, calls of the top function, places of the weights.

    Raises
    ------
    InputError
        As ``project.parse.read_source``.
    """
    macros = Macros(_without_guards(package))
    source = Source(package.folder, package.top, package.top_file, defines=dict(macros.values))
    source.code, source.headers = package.network, package.headers
    own = [text for text in package.texts if text.path not in (package.top_file, package.wrapper)]
    for text in own:
        read_defines(source, text.text)
    for text in own:
        read_parameters(source, text.text)
    body = preprocess(_text(package.top_file), package.top_file, Macros(dict(macros.values)), True)
    read_top(source, body)
    _place_weights(source, package)
    generated = source.nnet_utils / GENERATED
    if generated.is_file():
        read_generated(source, preprocess(_text(generated), generated, Macros(dict(macros.values))))
    recognise(source, [text.text for text in package.texts], Macros(dict(macros.values)))
    source.notes += package.macros.notes()
    return source


def _without_guards(package: Package) -> dict[str, str]:
    """The macros behind all headers, but for those that keep a header from being read twice."""
    raw = "".join(_text(text.path) for text in package.texts)
    guards = set(_GUARD.findall(raw))
    return {name: value for name, value in package.macros.values.items() if name not in guards}


def _place_weights(source: Source, package: Package) -> None:
    """Weights without a header of their own: the file that holds their values.

    A value for synthesis only counts where nothing else has one, as ``project.weights`` tells.
    """
    compiled = {text.path: text.text for text in package.texts}
    every = [*compiled, *package.others]
    for path in every:
        text = compiled.get(path) or _text(path)
        for name in _INITIAL.findall(text):
            source.weight_headers.setdefault(name, path)
    for path in compiled:
        for name in _INITIAL.findall(_text(path)):
            source.weight_headers.setdefault(name, path)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
