"""Quantisers with a type for each element, as trained by HGQ; hls4ml generates one function for each."""

from __future__ import annotations

import functools

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, widest
from l1forge.emulator.graph.graph import Constant
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder


def quantise(builder: Builder, call: Call) -> None:
    """Each element is cast to its own type, or dropped (zero); then all to the result's type."""
    source, result = call.arguments
    texts = builder.source.quantisers[call.function]
    x = builder.value(source).node
    if len(texts) != x.size:
        raise builder.refuse(f"quantiser has {len(texts)} elements for {x.size}", call.function)
    if "0" in texts:
        kept = Constant(FixedType(1, 1, False), np.array([int(text != "0") for text in texts]))
        x = builder.scaled(x, kept, kind=x.type)
    one_bit = FixedType(1, 1, False)
    types = [builder.source.type(text).fixed if text != "0" else one_bit for text in texts]
    together = functools.reduce(widest, types)
    names = [str(kind) for kind in types]
    quantised = builder.add("cast", [x], x.shape, together, types=names)
    builder.store(result, builder.cast(quantised, builder.declared(result).fixed, builder.layer))
