"""Port names of the top module, taken from the graph's ``source`` columns, and its Verilog text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.rtl.project import Port

CONTROL = ("clk", "rst", "in_valid", "out_valid")
ZERO = "0"
# IEEE 1364-2005 annex B and the words that IEEE 1800 adds
KEYWORD_TEXT = """
always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default
defparam design disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive
endspecify endtable endtask event for force forever fork function generate genvar highz0 highz1 if ifnone
incdir include initial inout input instance integer join large liblist library localparam macromodule medium
module nand negedge nmos nor noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive
pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg release repeat
rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify specparam strong0 strong1
supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1 triand trior trireg unsigned use uwire
vectored wait wand weak0 weak1 while wire wor xnor xor
alias always_comb always_ff always_latch assert assume before bind bins bit break byte chandle class clocking
const constraint context continue cover covergroup coverpoint cross dist do endclass endclocking endgroup
endinterface endpackage endprogram endproperty endsequence enum expect export extends extern final foreach
iff import inside int interface intersect local logic longint matches modport new null package packed
priority program property protected pure rand randc ref return sequence shortint shortreal solve static
string struct super tagged this throughout timeprecision timeunit type typedef union unique var virtual void
wait_order wildcard with within
"""
KEYWORDS = frozenset(KEYWORD_TEXT.split())

Precision = tuple[int, int, int]  # alkaid's (sign, integer, fraction) bits of one packed element
Word = tuple[Port, Precision]


def identifier(text: str) -> str:
    """A Verilog identifier without double underscores (Verilator mangles those)."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "x"
    name = f"x_{name}" if name[0].isdigit() else name
    return f"{name}_" if name in KEYWORDS or name in CONTROL else name


def input_ports(graph: Graph) -> list[Port]:
    """One port per input element in graph order, named after its source column.

    An element whose source is "0" keeps a port (to be tied to zero): the circuit is that of the graph.
    """
    names = [
        f"{name}_zero" if source == ZERO else source
        for node in graph.inputs
        for name, source in zip(_names(node), node.attributes.get("source", _names(node)), strict=True)
    ]
    return _ports(graph.inputs, names)


def output_ports(graph: Graph) -> list[Port]:
    """The output ports of a graph, one for each element, in the order of its outputs."""
    nodes = [graph[name] for name in graph.outputs]
    return _ports(nodes, [name for node in nodes for name in _names(node)])


def _names(node: Node) -> list[str]:
    return [node.name] if node.size == 1 else [f"{node.name}_{i}" for i in range(node.size)]


def _ports(nodes: Sequence[Node], names: Iterable[str]) -> list[Port]:
    taken: set[str] = set()
    ports: list[Port] = []
    elements = [(node, i) for node in nodes for i in range(node.size)]
    for (node, element), name in zip(elements, names, strict=True):
        unique = base = identifier(name)
        count = 1
        while unique in taken:
            count += 1
            unique = f"{base}_copy{count}"
        taken.add(unique)
        ports.append(Port(unique, node.name, element, str(node.type)))
    return ports


def top_module(
    name: str,
    core: str,
    inputs: Sequence[tuple[Port, Precision]],
    outputs: Sequence[tuple[Port, Precision]],
    latency: int,
    waiting: int = 0,
) -> str:
    """The top: declared widths outside, alkaid's packed vectors inside, a shift register for valid.

    ``waiting``: clocks of ``latency`` that results wait behind the core, in stages without logic.
    The data path has no reset: ``rst`` clears the valid bits, which is what makes data meaningful.
    """
    ports = ["input wire clk", "input wire rst", "input wire in_valid"]
    ports += [f"input wire {_range(port)} {port.name}" for port, _ in inputs]
    ports += ["output wire out_valid"]
    ports += [f"output wire {_range(port)} {port.name}" for port, _ in outputs]
    in_bits, out_bits = (sum(sum(p) for _, p in words) for words in (inputs, outputs))
    lines = [
        f"module {name} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        f"    reg [{latency - 1}:0] valid;",
        "    always @(posedge clk)",
        f"        if (rst) valid <= {latency}'b0;",
        f"        else valid <= {{valid[{latency - 2}:0], in_valid}};",
        f"    assign out_valid = valid[{latency - 1}];",
        "",
        f"    wire [{in_bits - 1}:0] packed_inp;",
        f"    wire [{out_bits - 1}:0] packed_out;",
        *(f"    assign packed_inp[{hi}:{lo}] = {text};" for hi, lo, text in _pack(inputs)),
        *(f"    assign {port} = {text};" for port, text in _unpack(outputs)),
        "",
        *_core(core, out_bits, waiting),
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _core(core: str, bits: int, waiting: int) -> list[str]:
    """The core's instance, and its results held for ``waiting`` clocks."""
    result = "packed_out" if not waiting else "core_out"
    lines = [f"    {core} core (.clk(clk), .model_inp(packed_inp), .model_out({result}));"]
    if waiting:
        held = f"held[{(waiting - 1) * bits - 1}:0], core_out" if waiting > 1 else "core_out"
        lines = [
            f"    wire [{bits - 1}:0] core_out;",
            f"    reg [{waiting * bits - 1}:0] held;",
            *lines,
            "    always @(posedge clk)",
            f"        held <= {{{held}}};",
            f"    assign packed_out = held[{waiting * bits - 1}:{(waiting - 1) * bits}];",
        ]
    return lines


def _range(port: Port) -> str:
    return f"{'signed ' if port.fixed.signed else ''}[{port.width - 1}:0]"


def _offsets(words: Sequence[tuple[Any, Precision]]) -> list[int]:
    return list(accumulate((sum(p) for _, p in words), initial=0))


def packed_inputs(inputs: Sequence[Word]) -> list[tuple[Port, int, int, int]]:
    """(port, lowest bit in the core's vector, bits, first bit of the port) of inputs that the core uses."""
    found = []
    for (port, precision), low in zip(inputs, _offsets(inputs), strict=False):
        width = sum(precision)
        if width == 0:
            continue
        first = port.fixed.fraction - precision[2]
        if first < 0 or first + width > port.width:
            raise AssertionError(f"core wants bits that {port.name} does not have")
        found.append((port, low, width, first))
    return found


def unpacked_outputs(outputs: Sequence[Word]) -> list[tuple[Port, int, int, int, int]]:
    """(port, lowest bit in the core's vector, bits, bits to extend by on the left, zeros on the right).

    A result of no bits is zero: ``left`` is then the whole port.
    """
    found = []
    for (port, precision), low in zip(outputs, _offsets(outputs), strict=False):
        width, right = sum(precision), port.fixed.fraction - precision[2]
        if width == 0:
            found.append((port, low, 0, port.width, 0))
            continue
        left = port.width - width - right
        if right < 0 or left < 0:
            raise AssertionError(f"core's result does not fit {port.name}")
        found.append((port, low, width, left, right))
    return found


def _pack(inputs: Sequence[Word]) -> list[tuple[int, int, str]]:
    """(high bit, low bit, expression): the bits of each input that the core uses."""
    return [
        (low + width - 1, low, f"{port.name}[{first + width - 1}:{first}]")
        for port, low, width, first in packed_inputs(inputs)
    ]


def _unpack(outputs: Sequence[Word]) -> list[tuple[str, str]]:
    """(port, expression): each result extended by its sign and padded to its declared type."""
    signed = {port: precision[0] for port, precision in outputs}
    assignments = []
    for port, low, width, left, right in unpacked_outputs(outputs):
        if width == 0:
            assignments.append((port.name, f"{port.width}'b0"))
            continue
        parts = [f"packed_out[{low + width - 1}:{low}]"]
        if left:
            fill = f"packed_out[{low + width - 1}]" if signed[port] else "1'b0"
            parts.insert(0, f"{{{left}{{{fill}}}}}")
        if right:
            parts.append(f"{right}'b0")
        assignments.append((port.name, f"{{{', '.join(parts)}}}"))
    return assignments
