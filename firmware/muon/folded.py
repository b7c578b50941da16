"""Dense networks folded in time: weights in memories, some inputs of every neuron each clock.

For networks too large to unroll into constant multipliers. Every layer is a machine of its own, so a new
event may start every ``interval`` clocks while earlier ones are in later layers.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.firmware.rtl.ports import input_ports, output_ports
from l1forge.firmware.rtl.project import Port, RtlProject

SOURCE = Path(__file__).with_name("folded.v")
CLOCKS_AROUND = 3
"""Clocks of a layer beyond its steps: memory, last sum, rounding."""


@dataclass(frozen=True)
class Folded:
    """A folded design: a new event at most every ``interval`` clocks; one multiplier per weight of a step."""

    project: RtlProject
    interval: int
    multipliers: int
    memory_bits: int


@dataclass(frozen=True)
class _Layer:
    dense: Node
    relu: bool
    x: FixedType
    accumulator: FixedType
    y: FixedType


def _layers(graph: Graph) -> list[_Layer]:
    """The chain dense (relu) dense ... of ``graph``, checked to be what folded.v computes."""
    nodes, layers = list(graph.nodes), []
    source, place = nodes[0], 1
    while place < len(nodes):
        dense = nodes[place]
        if dense.op != "dense" or dense.inputs != (source.name,):
            raise InputError(
                "only a chain of dense and relu can be folded", file=graph.file, field=f"node {dense.name}"
            )
        result = dense
        if place + 1 < len(nodes) and nodes[place + 1].op == "relu":
            result = nodes[place + 1]
            if dense.type != dense.accumulator():
                raise InputError(
                    "relu must follow the whole accumulator", file=graph.file, field=f"node {dense.name}"
                )
        layer = _Layer(dense, result is not dense, source.type, dense.accumulator(), result.type)
        _check(layer, graph)
        layers.append(layer)
        source, place = result, place + (2 if result is not dense else 1)
    return layers


def _check(layer: _Layer, graph: Graph) -> None:
    weight, bias = layer.dense.constants["weight"], layer.dense.constants["bias"]
    field = f"node {layer.dense.name}"
    fraction = layer.x.fraction + weight.type.fraction
    if layer.accumulator.fraction < max(fraction, bias.type.fraction):
        raise InputError("the accumulator drops bits", file=graph.file, field=field)
    largest = max(abs(layer.x.minimum), layer.x.maximum)
    bound = np.abs(weight.data).sum(axis=0).max() * largest * 2 ** (layer.accumulator.fraction - fraction)
    bound += np.abs(bias.data).max() * 2 ** (layer.accumulator.fraction - bias.type.fraction)
    if bound > layer.accumulator.maximum:
        raise InputError("the accumulator may overflow", file=graph.file, field=field, value=int(bound))
    if layer.y.rounding != Rounding.RND_CONV or layer.y.overflow != Overflow.SAT:
        raise InputError("results must be rounded RND_CONV and saturated SAT", file=graph.file, field=field)
    if layer.y.signed == layer.relu:
        raise InputError(
            "type of the result is not covered", file=graph.file, field=field, value=str(layer.y)
        )


def _packed(values: NDArray[Any], bits: int) -> str:
    """Verilog constant of the flat ``values``, the first in the low bits."""
    mask, text = (1 << bits) - 1, []
    for block in np.array_split(values.reshape(-1), max(values.size // 4096, 1)):
        text.append((sum((int(v) & mask) << (bits * i) for i, v in enumerate(block)), bits * len(block)))
    parts = [f"{width}'h{number:x}" for number, width in reversed(text)]
    return "{" + ", ".join(parts) + "}"


def generate_folded(graph: Graph, out_dir: str | Path, inputs_per_clock: int = 8) -> Folded:
    """Write the folded Verilog project of ``graph``; the folder is replaced as a whole.

    Raises
    ------
    InputError
        If the graph is not a chain of dense layers with exact accumulators, RND_CONV and SAT results.
    """
    if inputs_per_clock < 1:
        raise InputError("must be at least 1", field="inputs_per_clock", value=inputs_per_clock)
    layers = _layers(graph)
    steps = [math.ceil(layer.dense.constants["weight"].data.shape[0] / inputs_per_clock) for layer in layers]
    name = f"{graph.name}_folded"
    text = _top(graph, layers, steps, inputs_per_clock, name)
    folder = Path(out_dir)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(SOURCE, folder / "folded.v")
    (folder / f"{name}.v").write_text(text, encoding="utf-8")
    sizes = [layer.dense.constants["weight"] for layer in layers]
    project = RtlProject(
        folder=folder,
        name=name,
        digest=hashlib.sha256((text + SOURCE.read_text()).encode()).hexdigest(),
        files=("folded.v", f"{name}.v"),
        inputs=tuple(input_ports(graph)),
        outputs=tuple(output_ports(graph)),
        registers=(),
        latency=sum(steps) + CLOCKS_AROUND * len(steps),
        stages=len(layers),
        clock_period_ns=CLOCK_PERIOD_NS,
        operations=sum(int(w.data.size) for w in sizes),
        cost=0.0,
        delay_ns=0.0,
        interval=max(steps),
    )
    project.save()
    return Folded(
        project,
        max(steps),
        sum(w.data.shape[1] * inputs_per_clock for w in sizes),
        sum(int(w.data.size) * w.type.width for w in sizes),
    )


def _top(graph: Graph, layers: list[_Layer], steps: list[int], per_clock: int, name: str) -> str:
    inputs, outputs = input_ports(graph), output_ports(graph)
    text = [
        "`timescale 1 ns / 1 ps",
        f"module {name} (",
        "    input wire clk, input wire rst, input wire in_valid,",
    ]
    text += [f"    input wire {_kind(port)} {port.name}," for port in inputs]
    text += ["    output wire out_valid,"]
    text += [",\n".join(f"    output wire {_kind(port)} {port.name}" for port in outputs), ");"]
    previous, valid = f"{{{', '.join(port.name for port in reversed(inputs))}}}", "in_valid"
    for number, (layer, count) in enumerate(zip(layers, steps, strict=True)):
        text += _instance(layer, number, count, per_clock, previous, valid)
        previous, valid = f"y_{number}", f"done_{number}"
    text.append(f"    assign out_valid = {valid};")
    width = layers[-1].y.width
    for place, port in enumerate(outputs):
        text.append(f"    assign {port.name} = {previous}[{width * place + width - 1}:{width * place}];")
    return "\n".join([*text, "endmodule", ""])


def _kind(port: Port) -> str:
    return f"{'signed ' if port.fixed.signed else ''}[{port.width - 1}:0]"


def _instance(layer: _Layer, number: int, steps: int, per_clock: int, x: str, start: str) -> list[str]:
    constants = layer.dense.constants
    weight, bias = constants["weight"], constants["bias"]
    n_in, n_out = weight.data.shape
    padded = np.zeros((steps * per_clock, n_out), np.int64)
    padded[:n_in] = weight.data
    words = padded.reshape(steps, per_clock, n_out).transpose(0, 2, 1)
    fraction = max(layer.accumulator.fraction, layer.y.fraction + 1)  # one bit at least to round away
    bits = layer.accumulator.width + fraction - layer.accumulator.fraction
    start_sum = np.asarray(bias.data, np.int64) << (fraction - bias.type.fraction)
    parameters = {
        "N_OUT": n_out,
        "P": per_clock,
        "STEPS": steps,
        "X_BITS": layer.x.width,
        "X_SIGNED": int(layer.x.signed),
        "W_BITS": weight.type.width,
        "A_BITS": bits,
        "Y_BITS": layer.y.width,
        "PRODUCT_SHIFT": fraction - layer.x.fraction - weight.type.fraction,
        "SHIFT": fraction - layer.y.fraction,
        "RELU": int(layer.relu),
        "WEIGHTS": _packed(words, weight.type.width),
        "BIAS": _packed(start_sum, bits),
    }
    padding = (steps * per_clock - n_in) * layer.x.width
    wide = f"{{{padding}'b0, {x}}}" if padding else x
    return [
        f"    wire done_{number};",
        f"    wire [{n_out * layer.y.width - 1}:0] y_{number};",
        f"    folded_layer #({', '.join(f'.{key}({value})' for key, value in parameters.items())})",
        f"    layer_{number} (.clk(clk), .rst(rst), .start({start}), .x({wide}),",
        f"        .done(done_{number}), .y(y_{number}));",
    ]
