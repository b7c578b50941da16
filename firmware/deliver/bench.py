"""A testbench in plain Verilog that checks itself: vectors of the emulator in, their results compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.rtl.project import Port, RtlProject

INPUTS, OUTPUTS = "vectors/inputs.hex", "vectors/outputs.hex"


def hex_lines(values: NDArray[np.int64], ports: Sequence[Port]) -> str:
    """Rows of integers (n, ports) for ``$readmemh``, the first port in the low bits."""
    digits = -(-sum(port.width for port in ports) // 4)
    lines = []
    for row in values.tolist():
        word, low = 0, 0
        for value, port in zip(row, ports, strict=True):
            word |= (value & ((1 << port.width) - 1)) << low
            low += port.width
        lines.append(f"{word:0{digits}x}\n")
    return "".join(lines)


def bench_verilog(project: RtlProject, n: int) -> str:
    """The testbench ``NAME_tb``: ``n`` vectors with idle clocks between; results and latency are checked."""
    connected = []
    for ports, word in ((project.inputs, "given"), (project.outputs, "found")):
        low = 0
        for port in ports:
            connected.append(f"        .{port.name}({word}[{low + port.width - 1}:{low}]),")
            low += port.width
    n_in, n_out = (sum(port.width for port in ports) for ports in (project.inputs, project.outputs))
    return f"""\
// Sends {n} crossings, with idle clocks after every third, and compares results and latency.
// Run it in the folder above: it reads {INPUTS} and {OUTPUTS}.
`timescale 1 ns / 1 ps
module {project.name}_tb;
    localparam N = {n}, LATENCY = {project.latency};

    reg clk = 0, rst = 1, in_valid = 0;
    reg [{n_in - 1}:0] given = 0;
    wire out_valid;
    wire [{n_out - 1}:0] found;
    reg [{n_in - 1}:0] inputs [0:N-1];
    reg [{n_out - 1}:0] outputs [0:N-1];
    reg [LATENCY:0] expected = 0;
    integer sent = 0, seen = 0, wrong = 0, late = 0, clocks = 0;

    {project.name} dut (
{chr(10).join(connected)}
        .clk(clk), .rst(rst), .in_valid(in_valid), .out_valid(out_valid)
    );

    always #2 clk = !clk;

    initial begin
        $readmemh("{INPUTS}", inputs);
        $readmemh("{OUTPUTS}", outputs);
    end

    // everything happens on the falling edge, between two active ones
    always @(negedge clk) begin
        clocks = clocks + 1;
        expected = {{expected[LATENCY-1:0], in_valid}};
        if (!rst) begin
            if (out_valid !== expected[LATENCY-1]) late = late + 1;
            if (out_valid) begin
                if (seen >= N || found !== outputs[seen]) wrong = wrong + 1;
                seen = seen + 1;
            end
        end
        if (clocks == 4) rst = 0;
        in_valid = !rst && sent < N && clocks % 4 != 0;
        given = in_valid ? inputs[sent] : ~given;
        if (in_valid) sent = sent + 1;
        if (clocks == 2 * N + 4 * LATENCY + 16) begin
            if (wrong == 0 && late == 0 && seen == N) begin
                $display("PASS: %0d results as the emulator has them, {project.latency} clocks", seen);
                $finish;
            end
            $display("FAIL: %0d of %0d results, %0d differ, %0d clocks off latency", seen, N, wrong, late);
            $fatal(1);
        end
    end
endmodule
"""
