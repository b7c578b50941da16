"""Types for a trained network from data: chosen on one half of the events, reported on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.rates.working_point import near_threshold
from l1forge.firmware.hls.choose.bias import layer_means
from l1forge.firmware.hls.choose.cost import RtlCost, rtl_estimate
from l1forge.firmware.hls.choose.loss import StatedLoss, default_loss, mean_error, uncertainty
from l1forge.firmware.hls.choose.search import Point, Search, front, outputs_of
from l1forge.firmware.hls.choose.tensors import WIDE, TypedTensor, precision_of
from l1forge.firmware.hls.choose.types_file import TypesFile
from l1forge.firmware.hls.converters.conversion import Conversion
from l1forge.firmware.hls.converters.files import Types
from l1forge.firmware.hls.fidelity.frameworks import Framework
from l1forge.firmware.hls.fidelity.frameworks.framework import predicted, shaped
from l1forge.firmware.hls.fidelity.sample import Sample, read_sample
from l1forge.firmware.inputs.columns import Column
from l1forge.firmware.synth.estimate import estimate

EVENTS = 10_000
"""Events that types are chosen with and reported on, at most; half of them each."""
RTL_POINTS = 4
"""Points of the trade-off curve for which the RTL generator is asked, at most."""
RTL_LUTS = 30_000
"""Estimate beyond which it is not: tracing takes minutes."""


@dataclass(frozen=True)
class CurvePoint:
    """One point of the trade-off: the fast estimate (`l1forge estimate`) of its circuit.

    ``rtl``: what the RTL generator says, None where it was not asked.
    """

    luts: float
    loss: float
    error: float
    bits: int
    chosen: bool
    ff: int
    clocks: int
    routed_ns: float
    rtl: RtlCost | None


@dataclass(frozen=True)
class Choice:
    """Types that keep the loss; ``held_out`` is their loss on the events that were not chosen with.

    ``uncertainty``: binomial standard error of ``held_out``, None for losses that are no shares. ``curve``:
    no other candidate is better in LUTs and loss.
    """

    loss: StatedLoss
    tensors: tuple[TypedTensor, ...]
    types: TypesFile
    kept: float
    held_out: float
    held_out_error: float
    uncertainty: float | None
    events: tuple[int, int]
    candidates: int
    curve: tuple[CurvePoint, ...]

    @property
    def keeps(self) -> bool:
        """Whether the loss is kept on the other events, too, within two standard errors."""
        return self.held_out <= self.loss.limit + 2 * (self.uncertainty or 0.0)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "loss": str(self.loss),
            "loss_chosen_with": self.kept,
            "loss_held_out": self.held_out,
            "error_held_out": self.held_out_error,
            "uncertainty": self.uncertainty,
            "events": list(self.events),
            "candidates": self.candidates,
            "types": [
                {"layer": t.layer, "use": t.key, "type": str(t.type), "low": t.low, "high": t.high}
                for t in self.tensors
            ],
            "curve": [asdict(point) for point in self.curve],
        }


def choose_types(
    conversion: Conversion,
    framework: Framework,
    data: Path | Callable[[Graph], Sample],
    *,
    loss: StatedLoss | None = None,
    inputs: Types | None = None,
    fixed: Mapping[str, Mapping[str, str]] | None = None,
    labels: str | None = None,
    default: str = "fixed<16,6>",
    correct_bias: bool = False,
    rtl_points: int = RTL_POINTS,
    seed: int = 1,
    progress: Callable[[str], None] = lambda step: None,
    wiring: Sequence[Column] | None = None,
) -> Choice:
    """The narrowest types found with which ``conversion`` loses at most ``loss`` against ``framework``.

    Parameters
    ----------
    data
        File of events, or what makes a sample of a graph with wide types.
    inputs
        Types of the inputs, one for all or each by name, or None to choose them, too.
    fixed
        Types of layers that are given and stay.
    correct_bias
        Add to each bias what its layer's results lack on average (empirical bias correction).
    wiring
        What each input element reads, where ``data`` holds events.
    rtl_points
        Points of the curve, beside the chosen one, for which the RTL generator is asked; 0: none at all.

    Raises
    ------
    InputError
        If nothing is free, the loss cannot be kept, or data and model do not fit.
    """
    progress("converting with wide types")

    def convert(types: Types, layers: Mapping[str, Mapping[str, str]], kind: str) -> tuple[Graph, Any]:
        together = {name: dict(uses) for name, uses in (fixed or {}).items()}
        for name, uses in layers.items():
            together[name] = together.get(name, {}) | dict(uses)
        return conversion.candidate(types, together, kind)

    given: Types = inputs or {}
    wide, _ = convert(given, {}, str(WIDE[0]))
    if callable(data):
        sample = data(wide)
    else:
        sample = read_sample(data, wide, labels, EVENTS, given=bool(given), wiring=wiring)
    if sample.n < 20:
        raise InputError("holds too few events to choose types with", file=sample.path, value=sample.n)
    half, other = sample.halves(seed)
    shapes = wide.meta.get("input_shapes", {})
    known = [tuple(shapes[node.name]) if node.name in shapes else None for node in wide.inputs]
    progress("predicting with the trained network")
    parts = [
        [
            np.asarray(one, np.float64).reshape(part.n, -1)
            for one in predicted(framework, shaped(framework, list(part.inputs.values()), known))
        ]
        for part in (half, other)
    ]
    sizes = [values.shape[1] for values in parts[0]]
    wanted = loss or default_loss(sizes)
    wanted.check(sizes, sample.labels)
    looked, asked = half, wanted
    exact = parts[0]
    if wanted.kind == "rate":
        wanted.at_rate(parts[1], parts[1], other.labels)  # enough events in this half, too
        wanted.at_rate(parts[0], parts[0], half.labels)
        signal = None if half.labels is None else half.labels == 1
        index, scaled = near_threshold(parts[0][0][:, 0], wanted.cut, signal, seed)
        looked, asked = half.part(index), replace(wanted, kind="search", cut=scaled)
        exact = [values[index] for values in parts[0]]
    search = Search(
        convert,
        lambda graph: looked.integers(graph)[0],
        exact,
        looked.labels,
        asked,
        given,
        default,
        progress,
    )
    best = search.run(looked.inputs)
    biases: dict[str, list[float]] = {}
    if correct_bias:
        best, biases = _corrected(search, conversion, best, wide, looked, progress)
    made = outputs_of(best.graph, other.integers(best.graph)[0])
    held = wanted.of(parts[1], made, other.labels)
    kept = best.loss
    if looked is not half:
        kept = wanted.of(parts[0], outputs_of(best.graph, half.integers(best.graph)[0]), half.labels)
    types, layers = precision_of(best.tensors)
    _, hls_model = convert(given or types, layers, default)
    about = {"data": sample.path.name, "loss": str(wanted), "chosen by": "l1forge import-model --choose"}
    file = TypesFile.of(hls_model, biases, about)
    return Choice(
        loss=wanted,
        tensors=best.tensors,
        types=file,
        kept=kept,
        held_out=held,
        held_out_error=mean_error(parts[1], made),
        uncertainty=uncertainty(wanted, held, wanted.counted(parts[1], other.labels)),
        events=(half.n, other.n),
        candidates=len(search.points),
        curve=tuple(_curve(search.points, best, rtl_points, progress)),
    )


def _corrected(
    search: Search, conversion: Conversion, best: Point, wide: Graph, half: Sample, progress: Any
) -> tuple[Point, dict[str, list[float]]]:
    """Biases corrected layer by layer; kept only where that makes the error smaller and the loss stays."""
    biases: dict[str, list[float]] = {}
    wanted = layer_means(wide, half)
    point = best
    for place, tensor in enumerate(best.tensors):
        if tensor.key != "bias":
            continue
        progress(f"correcting biases of {tensor.layer}")
        shift = wanted[tensor.layer] - layer_means(point.graph, half)[tensor.layer]
        most = float(np.abs(shift).max())
        if most == 0:
            continue
        biases[tensor.layer] = [float(value) for value in shift]
        tensors = list(point.tensors)
        wider = replace(tensor, low=tensor.low - most, high=tensor.high + most)
        tensors[place] = replace(wider, width=tensor.width + wider.integer - tensor.integer)
        conversion.biases = biases
        point = search.try_types(tensors)
    if biases and search.good(point) and point.error < best.error:
        return point, biases
    conversion.biases = {}
    return best, {}


def _curve(
    points: list[Point], best: Point, rtl_points: int, progress: Callable[[str], None]
) -> list[CurvePoint]:
    chosen = [point for point in front(points) if point is not best] + [best]
    chosen.sort(key=lambda point: point.luts)
    asked = {id(best)} if rtl_points else set()
    cheap = [point for point in chosen if point.luts <= RTL_LUTS]
    places: list[int] = (
        np.linspace(0, len(cheap) - 1, rtl_points).round().astype(int).tolist() if cheap else []
    )
    asked |= {id(cheap[place]) for place in places}
    made = []
    for point in chosen:
        cost = None
        if id(point) in asked and point.luts <= RTL_LUTS:
            progress(f"asking the RTL generator: {point.luts:,.0f} LUTs by the estimate")
            try:
                cost = rtl_estimate(point.graph)
            except InputError:
                cost = None  # an operation that the generator refuses; l1forge cosim says which
        bits = sum(tensor.type.width for tensor in point.tensors)
        fast = estimate(point.graph)
        numbers = fast.ff, fast.latency_clocks, fast.routed_ns
        made.append(CurvePoint(point.luts, point.loss, point.error, bits, point is best, *numbers, cost))
    return made
