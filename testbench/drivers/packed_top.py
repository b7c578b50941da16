"""The simulated top: the design under test inside a shell whose data ports are two packed vectors.

Driving 57 named ports one by one through VPI would cost more than the simulation; the shell connects every
named port of the real top to its bits, so the top itself is what is tested.
"""

from __future__ import annotations

from collections.abc import Sequence

from l1forge.firmware.rtl import Port, RtlProject
from l1forge.testbench.drivers.packing import WORD, words_of

SHELL = "tb_shell"
BUS = "axi"
"""Node of ports that keep their names: those of a register bus, which bus models drive signal by signal."""


def packed(ports: Sequence[Port]) -> tuple[Port, ...]:
    """The ports that become one vector."""
    return tuple(port for port in ports if port.node != BUS)


def named(ports: Sequence[Port]) -> tuple[Port, ...]:
    """The ports of a bus."""
    return tuple(port for port in ports if port.node == BUS)


def shell_verilog(project: RtlProject) -> str:
    """Verilog of the shell around ``project``'s top (instance ``dut``)."""
    vectors = {"in_word": packed(project.inputs), "out_word": packed(project.outputs)}
    in_bits, out_bits = (WORD * words_of(ports) for ports in vectors.values())
    bus = [("input", port) for port in named(project.inputs)]
    bus += [("output", port) for port in named(project.outputs)]
    lines = [
        f"module {SHELL} (",
        "    input wire clk, input wire rst, input wire in_valid,",
        f"    input wire [{in_bits - 1}:0] in_word,",
        *(f"    {direction} wire [{port.width - 1}:0] {port.name}," for direction, port in bus),
        f"    output wire out_valid, output wire [{out_bits - 1}:0] out_word",
        ");",
        f"    {project.name} dut (",
        "        .clk(clk), .rst(rst), .in_valid(in_valid), .out_valid(out_valid)",
    ]
    lines += [f"        , .{port.name}({port.name})" for _, port in bus]
    for vector, ports in vectors.items():
        low = 0
        for port in ports:
            lines.append(f"        , .{port.name}({vector}[{low + port.width - 1}:{low}])")
            low += port.width
    used = sum(port.width for port in vectors["out_word"])
    lines.append("    );")
    if used < out_bits:
        lines.append(f"    assign out_word[{out_bits - 1}:{used}] = {out_bits - used}'b0;")
    return "\n".join([*lines, "endmodule", ""])


def control_file(project: RtlProject) -> str:
    """Verilator control file: only the shell's ports and the pipeline registers stay visible.

    In place of cocotb's --public-flat-rw, which keeps every net and makes a network's build not end.
    """
    ports = ["clk", "rst", "in_valid", "in_word", "out_valid", "out_word"]
    ports += [port.name for port in named([*project.inputs, *project.outputs])]
    return "\n".join(
        [
            "`verilator_config",
            *(f'public_flat_rw -module "{SHELL}" -var "{port}"' for port in ports),
            *(
                f'public_flat_rd -module "{project.core}" -var "{register.name}"'
                for register in project.registers
                if project.core
            ),
            "",
        ]
    )
