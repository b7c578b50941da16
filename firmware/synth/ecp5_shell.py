"""Registers around a design, so that it is routed as part of a larger one: four pads, however wide it is.

Inputs come from a shift register with one flip-flop per bit; outputs end in a chain of flip-flops that folds
every bit into one (a signature). Both are written in ECP5 primitives, so that their number is known exactly
and is taken off what place and route reports.
"""

from __future__ import annotations

from dataclasses import dataclass

from l1forge.firmware.rtl import RtlProject

SHELL = "l1forge_shell"
FLIP_FLOP = '#(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), .LSRMUX("LSR"), .REGSET("RESET"))'
XOR = "16'h6666"
"""Look-up table of A ^ B."""


@dataclass(frozen=True)
class Shell:
    """The Verilog of the shell, and what of a report belongs to it."""

    text: str
    ff: int
    lut: int


def shell(project: RtlProject) -> Shell:
    """The shell around the top of ``project``."""
    inputs = [("in_valid", 1), *((port.name, port.width) for port in project.inputs)]
    outputs = [("out_valid", 1), *((port.name, port.width) for port in project.outputs)]
    n_in, n_out = (sum(width for _, width in ports) for ports in (inputs, outputs))
    lines = [
        f"module {SHELL} (input wire clk, input wire rst, input wire serial_in, output wire serial_out);",
        f"    wire [{n_in}:0] given;",
        f"    wire [{n_out}:0] folded;",
        f"    wire [{n_out - 1}:0] found, mixed;",
        "    wire reset;",
        "    assign given[0] = serial_in;",
        "    assign folded[0] = 1'b0;",
        f"    assign serial_out = folded[{n_out}];",
        "    genvar i;",
        "    generate",
        f"    for (i = 0; i < {n_in}; i = i + 1) begin : shift",
        f"        TRELLIS_FF {FLIP_FLOP} ff (.CLK(clk), .LSR(1'b0), .DI(given[i]), .Q(given[i + 1]));",
        "    end",
        f"    for (i = 0; i < {n_out}; i = i + 1) begin : fold",
        f"        LUT4 #(.INIT({XOR})) lut (.A(folded[i]), .B(found[i]), .C(1'b0), .D(1'b0), .Z(mixed[i]));",
        f"        TRELLIS_FF {FLIP_FLOP} ff (.CLK(clk), .LSR(1'b0), .DI(mixed[i]), .Q(folded[i + 1]));",
        "    end",
        "    endgenerate",
        f"    TRELLIS_FF {FLIP_FLOP} reset_ff (.CLK(clk), .LSR(1'b0), .DI(rst), .Q(reset));",
        f"    {project.name} design (.clk(clk), .rst(reset)",
    ]
    for ports, bits, first in ((inputs, "given", 1), (outputs, "found", 0)):
        low = first
        for name, width in ports:
            lines.append(f"        , .{name}({bits}[{low + width - 1}:{low}])")
            low += width
    return Shell("\n".join([*lines, "    );", "endmodule", ""]), n_in + n_out + 1, n_out)
