"""Verilog of the golden patterns from their tables: II = 1, all patterns in parallel, fixed latency."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.firmware.rtl.project import Port, RtlProject

REFERENCE = Path(__file__).with_name("pattern_reference.sv")
LAYER = Path(__file__).with_name("pattern_layer.sv.in")
STUB, QUALITY = "int<11>", "uint<4>"
OUTPUTS = (("pattern", "int<8>"), ("layers", "uint<5>"), ("score", "uint<11>"))
LATENCY = 7
"""Clocks: inputs, reference, differences, address, table, sums, best."""
SHIFT_LIMIT, PARAMETER_BITS = 8, 12
MIN_LAYERS = 3


@dataclass(frozen=True)
class PatternTables:
    """``offset``, ``slope``, ``shift`` (references, layers, patterns) and ``value`` (..., 128) integers;
    ``references``: the layer of each reference; ``bending``: which layers hold bending angles."""

    offset: NDArray[Any]
    slope: NDArray[Any]
    shift: NDArray[Any]
    value: NDArray[Any]
    references: Sequence[int]
    bending: Sequence[bool]


def generate_patterns(tables: PatternTables, out_dir: str | Path, name: str = "muon_patterns") -> RtlProject:
    """Write the Verilog project of ``tables``; the folder is replaced as a whole.

    Ports: ``value_<layer>_<slot>`` (all stubs, layer by layer), ``quality_<layer>_<slot>``; results
    ``pattern`` (-1: none), ``layers``, ``score``.

    Raises
    ------
    InputError
        If there are not 8 references, or an offset, slope or shift does not fit its field.
    """
    references, layers, patterns = tables.offset.shape
    if references != 8 or patterns > 127:
        raise InputError("needs 8 references and at most 127 patterns", value=tables.offset.shape)
    limit = 1 << (PARAMETER_BITS - 1)
    for field, table in (("offset", tables.offset), ("slope", tables.slope)):
        if np.abs(table).max() >= limit:
            raise InputError(f"beyond +-{limit - 1}", field=field, value=int(np.abs(table).max()))
    if tables.shift.min() < 0 or tables.shift.max() >= SHIFT_LIMIT:
        raise InputError("outside 0..7", field="shift", value=int(tables.shift.max()))
    used = [layer for layer in range(layers) if tables.value[:, layer].any()]
    text = "\n".join([*(_layer(tables, layer, name) for layer in used), _top(tables, used, name)])
    digest = hashlib.sha256((text + REFERENCE.read_text()).encode()).hexdigest()
    folder = Path(out_dir)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(REFERENCE, folder)
    (folder / f"{name}.sv").write_text(text, encoding="utf-8")
    project = RtlProject(
        folder=folder,
        name=name,
        digest=digest,
        files=(REFERENCE.name, f"{name}.sv"),
        inputs=tuple(_inputs(layers)),
        outputs=tuple(Port(port, port, 0, kind) for port, kind in OUTPUTS),
        registers=(),
        latency=LATENCY,
        stages=LATENCY,
        clock_period_ns=CLOCK_PERIOD_NS,
        operations=int(tables.value.any(axis=(0, 3)).sum()),
        cost=0.0,
        delay_ns=0.0,
    )
    project.save()
    return project


def _inputs(layers: int) -> list[Port]:
    return [
        Port(f"{node}_{layer}_{slot}", node, 2 * layer + slot, kind)
        for node, kind in (("value", STUB), ("quality", QUALITY))
        for layer in range(layers)
        for slot in range(2)
    ]


def _packed(values: Sequence[int], bits: int) -> str:
    """Verilog constant with ``values[0]`` in the low bits."""
    total = sum((int(value) & ((1 << bits) - 1)) << (bits * i) for i, value in enumerate(values))
    return f"{bits * len(values)}'h{total:x}"


def _top(tables: PatternTables, used: list[int], name: str) -> str:
    _, layers, patterns = tables.offset.shape
    ports = _inputs(layers)
    text = [
        "`timescale 1 ns / 1 ps",
        f"module {name} (",
        "    input wire clk, input wire rst, input wire in_valid,",
    ]
    for port in ports:
        kind = "signed [10:0]" if port.node == "value" else "[3:0]"
        text.append(f"    input wire {kind} {port.name},")
    text += [
        "    output wire out_valid, output reg signed [7:0] pattern, output reg [4:0] layers,",
        "    output reg [10:0] score",
        ");",
        f"    reg [{LATENCY - 1}:0] valid;",
        f"    always @(posedge clk) valid <= rst ? {LATENCY}'b0 : {{valid[{LATENCY - 2}:0], in_valid}};",
        f"    assign out_valid = valid[{LATENCY - 1}];",
        f"    reg [{22 * layers - 1}:0] stubs, stubs_2;",
        f"    reg [{8 * layers - 1}:0] qualities;",
        "    always @(posedge clk) begin",
        f"        stubs <= {{{_joined(ports, 'value')}}};",
        f"        qualities <= {{{_joined(ports, 'quality')}}};",
        "        stubs_2 <= stubs;",
        "    end",
        *_reference(tables),
        "    reg [2:0] number_3;",
        "    reg signed [10:0] bend_3;",
        "    always @(posedge clk) begin number_3 <= number; bend_3 <= bend; end",
        f"    wire [{6 * patterns * len(used) - 1}:0] pdfs;",
    ]
    for place, layer in enumerate(used):
        text += _differences(layer, bool(tables.bending[layer]))
        text += [
            f"    {name}_layer_{layer} layer_{layer} (.clk(clk), .number(number_3), .bend(bend_3),",
            f"        .hit(hit_{layer}), .first(first_{layer}), .second(second_{layer}),",
            f"        .pdf(pdfs[{6 * patterns * (place + 1) - 1}:{6 * patterns * place}]));",
        ]
    text += _best(len(used), patterns)
    return "\n".join([*text, "endmodule", ""])


def _joined(ports: Sequence[Port], node: str) -> str:
    return ", ".join(port.name for port in reversed(ports) if port.node == node)


def _reference(tables: PatternTables) -> list[str]:
    value, angle, quality, needs = [], [], [], 0
    for k, layer in enumerate(tables.references):
        value.append(f"stubs[{22 * layer + 21}:{22 * layer}]")
        follows = layer + 1 < len(tables.bending) and tables.bending[layer + 1]
        needs |= int(follows) << k
        angle.append(f"stubs[{22 * layer + 43}:{22 * layer + 22}]" if follows else "22'b0")
        quality.append(f"qualities[{8 * layer + 7}:{8 * layer}]")
    return [
        "    wire found;",
        "    wire [2:0] number;",
        "    wire signed [10:0] phi, bend;",
        "    pattern_reference reference (.clk(clk),",
        f"        .value({{{', '.join(reversed(value))}}}),",
        f"        .angle({{{', '.join(reversed(angle))}}}), .needs_angle(8'd{needs}),",
        f"        .quality({{{', '.join(reversed(quality))}}}),",
        "        .found(found), .number(number), .phi(phi), .bend(bend));",
    ]


def _differences(layer: int, bending: bool) -> list[str]:
    """Stub minus reference azimuth; where one slot is empty both hold the other's stub."""
    low = 22 * layer
    zero = "" if bending else " - phi"
    slots = f"low_{layer} = stubs_2[{low + 10}:{low}], high_{layer} = stubs_2[{low + 21}:{low + 11}]"
    return [
        f"    wire signed [10:0] {slots};",
        f"    wire no_low_{layer} = low_{layer} == 11'sh400, no_high_{layer} = high_{layer} == 11'sh400;",
        f"    reg signed [12:0] first_{layer}, second_{layer};",
        f"    reg hit_{layer};",
        "    always @(posedge clk) begin",
        f"        first_{layer} <= (no_low_{layer} ? high_{layer} : low_{layer}){zero};",
        f"        second_{layer} <= (no_high_{layer} ? low_{layer} : high_{layer}){zero};",
        f"        hit_{layer} <= found && !(no_low_{layer} && no_high_{layer});",
        "    end",
    ]


def _layer(tables: PatternTables, layer: int, name: str) -> str:
    """The module of one layer: its tables, one element per pattern, around the text of LAYER."""
    patterns = tables.offset.shape[2]
    lists = {
        key: ",\n        ".join(
            _packed(table[:, layer, g].reshape(-1).tolist(), bits) for g in range(patterns)
        )
        for key, table, bits in (
            ("OFFSET", tables.offset, PARAMETER_BITS),
            ("SLOPE", tables.slope, PARAMETER_BITS),
            ("SHIFT", tables.shift, 3),
            ("TABLE", tables.value, 6),
        )
    }
    text = LAYER.read_text(encoding="utf-8").replace("@NAME@", f"{name}_layer_{layer}")
    for key, value in lists.items():
        text = text.replace(f"@{key}@", value)
    return text.replace("@PATTERNS@", str(patterns))


def _best(layers: int, patterns: int) -> list[str]:
    """Sum and count per pattern, then the best rank; the lower pattern wins ties."""
    return [
        f"    reg [{16 * patterns - 1}:0] ranks;",
        "    reg [10:0] sum;",
        "    reg [4:0] count;",
        "    integer g, l;",
        "    always @(posedge clk)",
        f"        for (g = 0; g < {patterns}; g = g + 1) begin",
        "            sum = 0;",
        "            count = 0;",
        f"            for (l = 0; l < {layers}; l = l + 1) begin",
        f"                sum = sum + {{5'b0, pdfs[(l*{patterns} + g)*6 +: 6]}};",
        f"                count = count + {{4'b0, |pdfs[(l*{patterns} + g)*6 +: 6]}};",
        "            end",
        "            ranks[16*g +: 16] <= {count, sum};",
        "        end",
        "    reg [15:0] best;",
        "    reg signed [7:0] winner;",
        "    integer h;",
        "    always @* begin",
        "        best = 16'd0;",
        "        winner = -8'sd1;",
        f"        for (h = 0; h < {patterns}; h = h + 1)",
        f"            if (ranks[16*h + 11 +: 5] >= 5'd{MIN_LAYERS} && ranks[16*h +: 16] > best) begin",
        "                best = ranks[16*h +: 16];",
        "                winner = h[7:0];",
        "            end",
        "    end",
        "    always @(posedge clk) begin",
        "        pattern <= winner;",
        "        layers <= best[15:11];",
        "        score <= best[10:0];",
        "    end",
    ]
