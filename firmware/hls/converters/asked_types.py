"""Whether the types that a user asked for are those of the C++, and the widest type that is inferred."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.objects import HlsModel, HlsPrecision, HlsType
from l1forge.firmware.hls.project.parse import read_source
from l1forge.firmware.hls.project.source import Source


def limit_inferred(hls_model: HlsModel, layers: Mapping[str, Any], maximum: str | None) -> None:
    """Give inferred types of results and accumulators at the limit, or beyond, the modes of ``maximum``.

    hls4ml takes its width and integer bits only, and of accumulators of pooling nothing: what does not fit
    would wrap although saturation was asked for.

    Parameters
    ----------
    layers
        hls4ml's configuration by layer, whose types that are not 'auto' stay.
    """
    if maximum is None:
        return
    limit = FixedType.parse(maximum, field="max_precision")
    for node in hls_model.get_layers():
        given = layers.get(node.name, {}).get("Precision", {})
        given = given if isinstance(given, dict) else {"result": given}
        if node.class_name == "Input":
            continue
        for key in ("result", "accum"):
            kind = node.types.get(f"{key}_t")
            if kind is None or given.get(key, "auto") != "auto" or not _plain(kind.precision):
                continue
            if key == "accum" and node.class_name == "Softmax":  # made for its tables
                continue
            if kind.precision.width < limit.width and kind.precision.integer < limit.integer:
                continue
            kind.precision = limited = _limited(kind.precision, limit)
            if key == "result":
                node.get_output_variable().type.precision = limited


def _plain(precision: HlsPrecision) -> bool:
    """Whether it is a fixed-point type that truncates and wraps, as those that hls4ml infers."""
    from hls4ml.model.types import FixedPrecisionType

    return isinstance(precision, FixedPrecisionType) and (
        str(precision.rounding_mode).upper().endswith("TRN")
        and str(precision.saturation_mode).upper().endswith("WRAP")
    )


def _limited(precision: HlsPrecision, limit: FixedType) -> Any:
    from hls4ml.model.types import RoundingMode, SaturationMode

    limited = copy.copy(precision)
    limited.width = min(precision.width, limit.width)
    limited.integer = min(precision.integer, limit.integer)
    limited.rounding_mode = RoundingMode[limit.rounding.name]
    limited.saturation_mode = SaturationMode[limit.overflow.name]
    limited.saturation_bits = limit.saturation_bits
    return limited


def check_asked(
    hls_model: HlsModel,
    graph: Graph,
    folder: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]],
) -> None:
    """Compare the types that were asked for with those in the C++ in ``folder``.

    Raises
    ------
    InputError
        Names the first type that was not taken, and the one that was.
    """
    source = read_source(folder)
    inputs = [node.name for node in hls_model.get_layers() if node.class_name == "Input"]
    asked = dict.fromkeys(inputs, input_type) if isinstance(input_type, str) else dict(input_type)
    written = {node.name: node.type for node in graph.inputs}
    for name, text in asked.items():
        kind = FixedType.parse(text, field=f"type of input {name}")
        found = written.get(_array(hls_model, name))
        if found is not None and found != kind:
            raise InputError(
                f"the type of input {name} was not taken: the model has its own, {found}",
                field="--input-type",
                value=str(kind),
                remedy=f"give -t '{found}' and quantise the inputs so, or train the model with another type",
            )
    for layer, types in precision.items():
        for key, text in types.items():
            _check_layer(hls_model, source, layer, key, FixedType.parse(text))


def _array(hls_model: HlsModel, name: str) -> str:
    """The C++ array of an input: its layer's output."""
    node = hls_model.graph.get(name)
    return str(node.get_output_variable().name) if node is not None else name


def _check_layer(hls_model: HlsModel, source: Source, layer: str, key: str, asked: FixedType) -> None:
    node = hls_model.graph.get(layer)
    if node is None:  # merged into a neighbour, which should have its type
        results = {_written(source, other.get_output_variable().type) for other in hls_model.get_layers()}
        if key == "result" and asked in results:
            return
        raise _not_taken(layer, key, asked, "hls4ml merges the layer into another one", "name that layer")
    kind = node.types.get(f"{key}_t")
    if kind is None and key in node.weights:
        kind = node.weights[key].type
    if kind is None:
        kinds = sorted({name.removesuffix("_t") for name in node.types} | set(node.weights))
        raise _not_taken(layer, key, asked, "the layer has no such type", f"it has {', '.join(kinds)}")
    found = _written(source, kind)
    if found is not None and key in node.weights:  # constants on the grid: no rounding, no overflow
        found = replace(
            found,
            rounding=asked.rounding,
            overflow=asked.overflow,
            saturation_bits=asked.saturation_bits,
        )
    if found is not None and found != asked:
        raise _not_taken(
            layer, key, asked, f"the C++ has {found}", "leave it out, or quantise the layer otherwise"
        )


def _written(source: Source, kind: HlsType) -> FixedType | None:
    """What the C++ says about an hls4ml type, or hls4ml where it declares none; None if not fixed-point."""
    try:
        return source.type(kind.name if kind.name in source.typedefs else str(kind.precision)).fixed
    except InputError:
        return None


def _not_taken(layer: str, key: str, asked: FixedType, why: str, remedy: str) -> InputError:
    return InputError(
        f"the type asked for {key} was not taken: {why}",
        field=f"--precision, layer {layer}",
        value=str(asked),
        remedy=remedy,
    )


def check_options_taken(hls_model: HlsModel, options: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare options of layers that were asked for with those of hls4ml's model.

    Raises
    ------
    InputError
        Names the first option that was not taken, and what the layer has.
    """
    for layer, given in options.items():
        node = hls_model.graph.get(layer)
        for option, asked in given.items():
            key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", option).lower()
            found = node.get_attr(key) if node is not None else None
            if key.endswith("_t"):
                kind = node.types.get(key) if node is not None else None
                found = FixedType.parse(str(kind.precision)) if kind is not None else None
                asked = FixedType.parse(str(asked))
            if found is None and node is None and option in ("TableSize", "ReuseFactor", "Strategy"):
                continue  # merged into a neighbour that has its own
            if str(found).lower() != str(asked).lower():
                why = "hls4ml merges the layer into another one" if node is None else f"the layer has {found}"
                raise InputError(
                    f"the {option} asked for was not taken: {why}",
                    field=f"layer {layer}",
                    value=str(asked),
                    remedy="leave it out, or give what the layer can have",
                )
