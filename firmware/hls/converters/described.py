"""What a graph keeps of its conversion: shapes of the inputs, notes, and options that hls4ml has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from l1forge.firmware.hls.converters.notes import notes_of
from l1forge.firmware.hls.objects import HlsModel


def described(hls_model: HlsModel, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of the graph of an hls4ml ``ModelGraph``: ``input_shapes`` and ``notes`` (if there are any).

    Shapes are those of one event in the framework's order of axes; the graph's inputs are flat.
    """
    shapes = {variable.name: [int(n) for n in variable.shape] for variable in hls_model.get_input_variables()}
    notes = [*notes_of(hls_model), *_changed(hls_model, settings)]
    return {"input_shapes": shapes} | ({"notes": notes} if notes else {})


def _changed(hls_model: HlsModel, settings: Mapping[str, Any]) -> Iterator[str]:
    """Reuse factors and strategies of layers with weights that are not those asked for."""
    for layer in hls_model.get_layers():
        if not any(key in layer.weights for key in ("weight", "depthwise")):
            continue
        factor, asked = layer.get_attr("reuse_factor"), settings["reuse_factor"]
        if factor is not None and factor != asked:
            yield f"layer {layer.name}: reuse factor {factor}; hls4ml cannot use {asked} here"
        strategy, wanted = str(layer.get_attr("strategy") or ""), str(settings["strategy"])
        if strategy and strategy.lower() != wanted.lower():
            yield f"layer {layer.name}: strategy {strategy}; hls4ml cannot use {wanted} here"
