"""VHDL simulated by GHDL: a testbench in VHDL that reads bits from a text file, a line per clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.rtl.vhdl import vhdl_names
from l1forge.firmware.tools.ghdl import find_ghdl
from l1forge.testbench.drivers.harness import GAP_PROBABILITY, Stream, Toggles

BENCH, STIMULUS, RESULTS = "l1forge_bench", "stimulus.txt", "results.txt"
RESET_CLOCKS = 3
OPTIONS = ("--std=08", "--ieee=standard")


def bench_vhdl(project: RtlProject) -> str:
    """A testbench that sends each line (reset, valid, data) on one clock and writes what it then sees."""
    names = vhdl_names([*project.inputs, *project.outputs])
    n_in, n_out = (sum(port.width for port in ports) for ports in (project.inputs, project.outputs))
    connected = ["clk => clk", "rst => given(given'high)", "in_valid => given(given'high - 1)"]
    for ports, word in ((project.inputs, "given"), (project.outputs, "found")):
        low = 0
        for port in ports:
            connected.append(f"{names[port.name]} => {word}({low + port.width - 1} downto {low})")
            low += port.width
    connected.append("out_valid => found(found'high)")
    return f"""\
library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity {BENCH} is end entity {BENCH};

architecture simulated of {BENCH} is
    signal clk: std_logic := '0';
    signal given: std_logic_vector({n_in + 1} downto 0) := (others => '0');
    signal found: std_logic_vector({n_out} downto 0);
begin
    dut: entity work.{project.name} port map (
        {", ".join(connected)}
    );
    process
        file stimulus: text open read_mode is "{STIMULUS}";
        file results: text open write_mode is "{RESULTS}";
        variable row, seen: line;
        variable word: std_logic_vector({n_in + 1} downto 0);
    begin
        while not endfile(stimulus) loop
            readline(stimulus, row);
            read(row, word);
            given <= word;
            wait for 1 ns;
            clk <= '1';
            wait for 1 ns;
            clk <= '0';
            write(seen, found);
            writeline(results, seen);
        end loop;
        wait;
    end process;
end architecture simulated;
"""


class GhdlDriver:
    """The VHDL of ``project`` in GHDL, one simulation per stream; ``seed`` fixes gaps and what they carry."""

    def __init__(self, project: RtlProject, seed: int = 1) -> None:
        self.project = project
        self.ghdl = find_ghdl()
        self.generator = np.random.default_rng(seed)

    def stream(self, inputs: NDArray[np.int64], *, watch: bool = False) -> Stream:
        """Send events (n, input ports) with random gaps. ``watch`` is ignored: there are no toggles.

        Raises
        ------
        InputError
            If GHDL refuses the VHDL, or the simulation ends early.
        """
        project = self.project
        events = _bits(inputs, [port.width for port in project.inputs])
        gaps = self.generator.geometric(1 - GAP_PROBABILITY, len(events)) - 1
        places = np.arange(len(events)) + np.cumsum(gaps) + RESET_CLOCKS
        clocks = int(places[-1]) + 1 + 2 * project.latency if len(events) else RESET_CLOCKS
        word = self.generator.integers(0, 2, (clocks, events.shape[1]), dtype=np.uint8)
        word[places] = events
        valid = np.zeros(clocks, np.uint8)
        valid[places] = 1
        reset = (np.arange(clocks) < RESET_CLOCKS).astype(np.uint8)
        rows = self._simulate(np.column_stack([reset, valid, word]))
        expected = np.zeros(clocks, bool)
        expected[project.latency - 1 :] = valid[: clocks - project.latency + 1] == 1
        came = rows[:, 0] == ord("1")
        known = np.isin(rows[came], (ord("0"), ord("1"))).all()  # no X or U in a result
        outputs = _integers(rows[came][:, 1:] == ord("1"), project)
        kept = np.zeros((len(inputs), len(project.outputs)), np.int64)
        kept[: len(outputs)] = outputs[: len(inputs)]
        misplaced = int((came != expected)[RESET_CLOCKS:].sum()) + (not known)
        return Stream(kept, len(outputs), clocks, misplaced)

    def toggles(self) -> list[Toggles]:
        """None are counted."""
        return []

    def _simulate(self, lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The text of every clock's result line as bytes, (clocks, 1 + output bits)."""
        with tempfile.TemporaryDirectory(prefix="l1forge_ghdl_") as place:
            folder = Path(place)
            (folder / f"{BENCH}.vhd").write_text(bench_vhdl(self.project), encoding="utf-8")
            ends = np.full((len(lines), 1), ord("\n"), np.uint8)
            (folder / STIMULUS).write_bytes(np.hstack([lines + ord("0"), ends]).tobytes())
            sources = [str(source.resolve()) for source in self.project.sources]
            self.ghdl.run(["-i", *OPTIONS, *sources, f"{BENCH}.vhd"], folder)
            self.ghdl.run(["-m", *OPTIONS, BENCH], folder)
            self.ghdl.run(["-r", *OPTIONS, BENCH], folder)
            found = np.frombuffer((folder / RESULTS).read_bytes(), np.uint8)
            width = 2 + sum(port.width for port in self.project.outputs)
            if found.size != len(lines) * width:
                raise InputError("GHDL's simulation ended early", file=self.project.folder)
            return found.reshape(len(lines), width)[:, :-1]


def _bits(values: NDArray[np.int64], widths: list[int]) -> NDArray[np.uint8]:
    """Events as rows of bits, the highest bit of the last port first, as VHDL reads a vector."""
    columns = [
        (values[:, i] >> bit & 1).astype(np.uint8)
        for i in reversed(range(len(widths)))
        for bit in reversed(range(widths[i]))
    ]
    return np.column_stack(columns) if columns else np.zeros((len(values), 0), np.uint8)


def _integers(bits: NDArray[np.bool_], project: RtlProject) -> NDArray[np.int64]:
    """Rows of bits (the highest of the last port first) as integers of the ports' types."""
    values = np.zeros((len(bits), len(project.outputs)), np.int64)
    place = bits.shape[1]
    for i, port in enumerate(project.outputs):
        own = bits[:, place - port.width : place].astype(np.int64)
        place -= port.width
        for column in range(port.width):
            values[:, i] = values[:, i] << 1 | own[:, column]
        if port.fixed.signed:
            values[:, i] -= own[:, 0] << port.width
    return values
