"""Bits are taken away, layer by layer, until the stated loss is used up.

Every candidate is a real conversion: hls4ml's C++ is written, read back, and run on the data. First all types
get one width, the least that keeps the loss; then each type alone loses bits: the order is that of the LUTs
saved for the error made (sensitivity), and a type that can lose none is left alone from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import Overflow, Rounding
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.choose.loss import Floats, StatedLoss, mean_error
from l1forge.firmware.hls.choose.tensors import (
    LEAST,
    MOST,
    Convert,
    TypedTensor,
    Values,
    free_tensors,
    precision_of,
)
from l1forge.firmware.hls.converters.files import Types
from l1forge.firmware.hls.fidelity.run import run_rows
from l1forge.firmware.hls.translate.exceeded import exceeded
from l1forge.firmware.synth.estimate import luts

Say = Callable[[str], None]
START = 16
"""Width that is tried first."""


@dataclass(frozen=True)
class Point:
    """A set of types: its loss and error on the data it was chosen with, and its estimated LUTs."""

    tensors: tuple[TypedTensor, ...]
    loss: float
    error: float
    luts: float
    graph: Graph


@dataclass
class Search:
    """Converts candidates and keeps what was found, in order, in ``points``.

    Parameters
    ----------
    convert
        Makes a graph of types.
    integers
        The data in the types of a graph's inputs, (n, *shape) by input.
    trained
        Outputs of the trained network on the data, (n, size).
    """

    convert: Convert
    integers: Callable[[Graph], Mapping[str, NDArray[Any]]]
    trained: list[Floats]
    labels: NDArray[np.int64] | None
    loss: StatedLoss
    inputs: Types
    default: str
    progress: Say = lambda step: None
    points: list[Point] = field(default_factory=list)

    def try_types(self, tensors: Sequence[TypedTensor]) -> Point:
        """Convert with these types and measure."""
        chosen, layers = precision_of(tensors)
        graph, _ = self.convert(self.inputs or chosen, layers, self.default)
        point = Point(tuple(tensors), *self.measure(graph), luts(graph), graph)
        self.points.append(point)
        return point

    def measure(self, graph: Graph) -> tuple[float, float]:
        """Loss and mean error of a graph on the data."""
        made = outputs_of(graph, self.integers(graph))
        return self.loss.of(self.trained, made, self.labels), mean_error(self.trained, made)

    def good(self, point: Point) -> bool:
        """Whether the loss is kept; a share of events with two standard errors in reserve."""
        reserve = 0.0
        if self.loss.is_share:
            counted = self.loss.counted(self.trained, self.labels)
            reserve = 2 * math.sqrt(self.loss.limit / counted)
        return point.loss <= max(self.loss.limit - reserve, 0.0)

    def run(self, arrays: Mapping[str, Floats]) -> Point:
        """The cheapest types found that keep the loss.

        Raises
        ------
        InputError
            If nothing is free, or the loss cannot be kept with types of ``MOST`` bits.
        """
        best = self._narrowed(self._least(self._start(arrays)))
        self._truncated(best)
        cheapest = min(filter(self.good, self.points), key=lambda point: (point.luts, point.error))
        return self._wrapping(cheapest)

    def run_uniform(self, arrays: Mapping[str, Floats]) -> Point:
        """One width for all, of 16, 20 or 24 bits, that keeps the loss; errors as ``run``."""
        return self._start(arrays)

    @staticmethod
    def error(trained: list[Floats], graph: list[Floats]) -> float:
        """The mean error, as it is kept in the points."""
        return mean_error(trained, graph)

    def _at(self, tensors: Sequence[TypedTensor], width: int) -> Point:
        self.progress(f"choosing types: {width} bits everywhere")
        return self.try_types([replace(tensor, width=width) for tensor in tensors])

    def _start(self, arrays: Mapping[str, Floats]) -> Point:
        """All free types with one width, 16 bits or as many more as the loss needs."""
        tensors = free_tensors(self.convert, self.inputs, Values(arrays, self.integers))
        if not tensors:
            raise InputError(
                "there is no type to choose: the model or the command sets all of them",
                field="--choose",
                remedy="import it without --choose",
            )
        widths = range(START, MOST + 1, 4)
        best = next((point for width in widths if self.good(point := self._at(tensors, width))), None)
        if best is None:
            least = min(self.points, key=lambda point: point.loss)
            raise InputError(
                f"types of up to {MOST} bits do not keep the loss: {least.loss:.3g} at best",
                field="--loss",
                value=str(self.loss),
                remedy="allow a larger loss; look at import-model --data for the layer where it arises",
            )
        return best

    def _least(self, best: Point) -> Point:
        """One width for all: the least that keeps the loss."""
        while best.tensors[0].width > LEAST:
            point = self._at(best.tensors, best.tensors[0].width - 1)
            if not self.good(point):
                break
            best = point
        return best

    def _narrowed(self, best: Point) -> Point:
        order = self._sensitivity(best)
        active = list(order)
        while active:
            for place in list(active):
                tensor = best.tensors[place]
                if tensor.width <= LEAST:
                    active.remove(place)
                    continue
                self.progress(f"choosing types: {tensor.layer} {tensor.key}, {tensor.width - 1} bits")
                point = self._changed(best, place, tensor.narrower())
                if self.good(point) and point.luts <= best.luts:
                    best = point
                else:
                    active.remove(place)
        return best

    def _sensitivity(self, best: Point) -> list[int]:
        """The types in the order of LUTs saved for the error made by one bit less."""
        gains = []
        for place, tensor in enumerate(best.tensors):
            if tensor.width <= LEAST or tensor.key == "bias":  # biases follow their weights
                continue
            self.progress(f"sensitivity of {tensor.layer} {tensor.key}")
            point = self._changed(best, place, tensor.narrower())
            saved = best.luts - point.luts
            gains.append((saved / (max(point.error - best.error, 0.0) + 1e-6), place))
        return [place for _, place in sorted(gains, reverse=True)]

    def _changed(self, best: Point, place: int, tensor: TypedTensor) -> Point:
        """``best`` with another type in one place; a bias has the width of its layer's weights."""
        tensors = list(best.tensors)
        tensors[place] = tensor
        for other, bias in enumerate(tensors):
            if bias.key == "bias" and bias.layer == tensor.layer and tensor.key in ("weight", "depthwise"):
                fraction = tensor.width - tensor.integer
                tensors[other] = replace(bias, width=max(fraction + bias.integer, LEAST))
        return self.try_types(tensors)

    def _truncated(self, best: Point) -> Point:
        """Results without a rounding adder where the loss allows it."""
        for place, tensor in enumerate(best.tensors):
            if tensor.key != "result" or tensor.is_input:
                continue
            self.progress(f"choosing rounding: {tensor.layer}")
            point = self._changed(best, place, replace(tensor, rounding=Rounding.TRN))
            if self.good(point) and point.luts <= best.luts:
                best = point
        return best

    def _wrapping(self, best: Point) -> Point:
        """No saturation where the proof says that nothing can be beyond the type: the same results."""
        reached = {one.layer for one in exceeded(best.graph)[0]} | set(exceeded(best.graph)[1])
        tensors = [
            replace(tensor, overflow=Overflow.WRAP)
            if tensor.key == "result" and not tensor.is_input and tensor.layer not in reached
            else tensor
            for tensor in best.tensors
        ]
        if tuple(tensors) == best.tensors:
            return best
        point = self.try_types(tensors)
        same = point.loss == best.loss and point.error == best.error
        return point if same and point.luts <= best.luts else best


def outputs_of(graph: Graph, integers: Mapping[str, NDArray[Any]]) -> list[Floats]:
    """The outputs of a graph as physical values, (n, size) each."""
    made = run_rows(graph, integers)
    return [
        made[name].reshape(len(made[name]), -1).astype(np.float64) * graph[name].type.lsb
        for name in graph.outputs
    ]


def front(points: Sequence[Point]) -> Iterator[Point]:
    """The points that no other one beats in both LUTs and loss (then error), the cheapest first."""
    lowest = (float("inf"), float("inf"))
    for point in sorted(points, key=lambda point: (point.luts, point.loss, point.error)):
        if (point.loss, point.error) < lowest:
            lowest = (point.loss, point.error)
            yield point
