"""An AXI4-Stream wrapper around a design: ``tdata`` is all ports side by side, the first in the low bits."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2
from pathlib import Path

from l1forge.firmware.rtl.project import Port, RtlProject

SOURCE = Path(__file__).with_name("axi_stream.v")
SPARE_CLOCKS = 2
"""Places of the FIFO beyond the latency, so that a word passes on every clock."""


def axis_name(project: RtlProject) -> str:
    """The name of the wrapper's module."""
    return f"{project.name.rstrip('_')}_axis"


def stream_bytes(ports: Sequence[Port]) -> int:
    """Width of ``tdata`` in bytes: all ports, filled up with zeros."""
    return max(ceil(sum(port.width for port in ports) / 8), 1)


def axi_stream_module(project: RtlProject) -> str:
    """Verilog of the wrapper; it needs the sources of ``project`` and ``SOURCE``.

    Ports are named as AMBA 4 AXI4-Stream has them, with an active-low reset ``aresetn``.
    """
    given, found = 8 * stream_bytes(project.inputs), 8 * stream_bytes(project.outputs)
    used = sum(port.width for port in project.outputs)
    depth_bits = ceil(log2(project.latency + SPARE_CLOCKS))
    lines = [
        "`timescale 1 ns / 1 ps",
        f"module {axis_name(project)} (",
        "    input wire aclk, input wire aresetn,",
        f"    input wire [{given - 1}:0] s_axis_tdata, input wire s_axis_tvalid, output wire s_axis_tready,",
        f"    output wire [{found - 1}:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready",
        ");",
        "    wire core_valid, done;",
        f"    wire [{used - 1}:0] result;",
        f"    wire [{used - 1}:0] kept;",
        f"    {project.name} core (",
        "        .clk(aclk), .rst(!aresetn), .in_valid(core_valid), .out_valid(done)",
    ]
    for vector, ports in (("s_axis_tdata", project.inputs), ("result", project.outputs)):
        low = 0
        for port in ports:
            lines.append(f"        , .{port.name}({vector}[{low + port.width - 1}:{low}])")
            low += port.width
    filling = f"{{{found - used}'b0, kept}}" if found > used else "kept"
    lines += [
        "    );",
        f"    l1forge_axi_stream #(.WIDTH({used}), .DEPTH_BITS({depth_bits})) buffered (",
        "        .clk(aclk), .rst(!aresetn),",
        "        .s_valid(s_axis_tvalid), .s_ready(s_axis_tready), .core_valid(core_valid),",
        "        .done(done), .result(result),",
        "        .m_valid(m_axis_tvalid), .m_ready(m_axis_tready), .m_data(kept)",
        "    );",
        f"    assign m_axis_tdata = {filling};",
        "endmodule",
        "",
    ]
    return "\n".join(lines)
