"""VHDL of the two entities around a model: the core with the object words, the wrapper with object arrays.

Names and ports are those of the deployed anomaly triggers (docs/ugt.md): the wrapper is what the global
trigger's firmware instantiates, the core is what its HLS designs look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.rtl.vhdl import vhdl_names

SCORE_BITS = 18
SUM_BITS = 20
"""InputBits of a sum in the global trigger's records: energy and azimuth."""
ZERO = "0"
SOURCE = re.compile(r"([a-z]+\.[a-z0-9_]+)\[(\d+)\]")
CORE_NAMES = {
    "mu": "muons",
    "jet": "jets",
    "eg": "egammas",
    "tau": "taus",
    "ett": "et",
    "htt": "ht",
    "etm": "etmiss",
    "htm": "htmiss",
    "etmhf": "ethfmiss",
    "htmhf": "hthfmiss",
}
"""Collection -> its name on the ports of the core."""
OBJECTS = ("mu", "eg", "jet", "tau")
SUMS = ("ett", "htt", "etm", "htm", "etmhf", "htmhf")


@dataclass(frozen=True)
class InputBits:
    """Where a model's input lies: bits of a core port; None: a constant 0."""

    port: str
    low: int
    width: int
    signed: bool


def places(project: RtlProject, sources: dict[tuple[str, int], str], file: object) -> list[InputBits | None]:
    """The bits of every input port of a model; ``sources``: event column by node and element.

    Raises
    ------
    InputError
        If an input names no column, or one that the records do not hold or that the type is too narrow for.
    """
    found: list[InputBits | None] = []
    for port in project.inputs:
        source = sources.get((port.node, port.element))
        if source == ZERO:
            found.append(None)
            continue
        match = SOURCE.fullmatch(source or "")
        if match is None or match[1] not in COLUMNS or int(match[2]) >= COLUMNS[match[1]][0]:
            raise InputError(
                "the input is not an event column: the global trigger cannot feed it",
                file=str(file),
                field=f"node {port.node}, element {port.element}",
                value=source or "no source",
                remedy="import the model with --sources",
            )
        field, name = COLUMNS[match[1]][1], match[1].partition(".")[0]
        if name in SUMS and field.low + field.width > SUM_BITS:
            raise InputError(
                f"lies beyond the {SUM_BITS} bits of a sum in the global trigger's records",
                file=str(file),
                field=f"node {port.node}",
                value=source,
            )
        if field.minimum < port.fixed.minimum or field.maximum > port.fixed.maximum:
            raise InputError(
                f"{port.fixed} does not hold all codes of this column, {field.minimum} to {field.maximum}",
                file=str(file),
                field=f"node {port.node}",
                value=source,
                remedy="give the input a wider type",
            )
        suffix = "" if COLLECTIONS[name].slots == 1 else f"_{match[2]}"
        found.append(InputBits(CORE_NAMES[name] + suffix, field.low, field.width, field.signed))
    return found


def words() -> Iterator[tuple[str, str, int, int]]:
    """(collection, core port, slot, bits) of every object word, objects first."""
    for name in (*OBJECTS, *SUMS):
        collection = COLLECTIONS[name]
        for slot in range(collection.slots):
            suffix = "" if collection.slots == 1 else f"_{slot}"
            yield name, CORE_NAMES[name] + suffix, slot, collection.word_bits


def core_entity(
    name: str, model: str, project: RtlProject, inputs: list[InputBits | None], latency: int
) -> str:
    """The entity with 32- and 64-bit words, ap_ signals and the score."""
    ports = [f"{port}: in std_logic_vector({bits - 1} downto 0)" for _, port, _, bits in words()]
    names = vhdl_names([*project.inputs, *project.outputs])
    (score,) = project.outputs
    maps = ["clk => ap_clk", "rst => ap_rst", "in_valid => ap_start", "out_valid => done"]
    maps += [f"{names[port.name]} => in_{i}" for i, port in enumerate(project.inputs)]
    maps.append(f"{names[score.name]} => score")
    signals = [
        f"    signal in_{i}: std_logic_vector({port.width - 1} downto 0);"
        for i, port in enumerate(project.inputs)
    ]
    wires = [
        f"    in_{i} <= {_extended(port, bits)};"
        for i, (port, bits) in enumerate(zip(project.inputs, inputs, strict=True))
    ]
    pad = SCORE_BITS - score.width
    value = f'"{"0" * pad}" & score' if pad else "score"
    return "\n".join(
        [
            *_head(f"{model} behind the ports of an HLS core; results after {latency} clocks of ap_clk"),
            f"entity {name} is port (",
            "    ap_clk, ap_rst, ap_start: in std_logic;",
            "    ap_done, ap_idle, ap_ready: out std_logic;",
            *(f"    {port};" for port in ports),
            f"    anomaly_score: out std_logic_vector({SCORE_BITS - 1} downto 0);",
            "    anomaly_score_ap_vld: out std_logic);",
            f"end entity {name};",
            "",
            f"architecture rtl of {name} is",
            "    signal done: std_logic;",
            f"    signal score: std_logic_vector({score.width - 1} downto 0);",
            *signals,
            "begin",
            *wires,
            f"    model: entity work.{project.name} port map ({', '.join(maps)});",
            f"    anomaly_score <= {value};",
            "    anomaly_score_ap_vld <= done;",
            "    ap_done <= done;",
            "    ap_idle <= not ap_start;",
            "    ap_ready <= '1';",
            "end architecture rtl;",
            "",
        ]
    )


def _extended(port: Port, bits: InputBits | None) -> str:
    if bits is None:
        return "(others => '0')"
    high = bits.low + bits.width - 1
    value, more = f"{bits.port}({high} downto {bits.low})", port.width - bits.width
    if more <= 0:
        return value
    fill = f"{bits.port}({high})" if bits.signed else "'0'"
    return f"({more - 1} downto 0 => {fill}) & {value}"


def wrapper_entity(name: str, core: str, model: str, threshold: int) -> str:
    """The entity that the global trigger instantiates: object arrays, 20-bit sums, threshold, score."""
    maps = ["ap_clk => lhc_clk", "ap_rst => '0'", "ap_start => '1'", "ap_done => open", "ap_idle => open"]
    maps += ["ap_ready => open", "anomaly_score => score", "anomaly_score_ap_vld => open"]
    for collection, port, slot, bits in words():
        given = f"{collection}({slot})" if collection in OBJECTS else f'x"000" & {collection}'
        assert collection in OBJECTS or bits == SUM_BITS + 12
        maps.append(f"{port} => {given}")
    sums = ", ".join(SUMS)
    return "\n".join(
        [
            *_head(f"{model} as the global trigger instantiates it"),
            "use work.gtl_pkg.all;",
            "",
            f"entity {name} is",
            f"    generic (sim_mode: boolean := true; threshold: integer := {threshold});",
            "    port (",
            "        lhc_clk: in std_logic;",
            "        mu: in muon_objects_array;",
            "        eg, jet, tau: in calo_objects_array;",
            f"        {sums}: in std_logic_vector({SUM_BITS - 1} downto 0);",
            "        adt_out: out std_logic;",
            f"        anomaly_score_o: out std_logic_vector({SCORE_BITS - 1} downto 0));",
            f"end entity {name};",
            "",
            f"architecture rtl of {name} is",
            f"    signal score: std_logic_vector({SCORE_BITS - 1} downto 0);",
            "begin",
            f"    core: entity work.{core} port map (",
            ",\n".join(f"        {text}" for text in maps) + ");",
            "    anomaly_score_o <= score;",
            "    adt_out <= '1' when unsigned(score) >= to_unsigned(threshold, 18) else '0';",
            "end architecture rtl;",
            "",
        ]
    )


PACKAGE = """\
-- For simulation outside the global trigger's firmware, which has a package of this name with these types.
library ieee;
use ieee.std_logic_1164.all;

package gtl_pkg is
    type muon_objects_array is array (natural range <>) of std_logic_vector(63 downto 0);
    type calo_objects_array is array (natural range <>) of std_logic_vector(31 downto 0);
end package gtl_pkg;
"""


def bench_entity(name: str, wrapper: str, latency: int) -> str:
    """A testbench: reads one line of words per clock, writes score and decision of every clock."""
    read, maps = [], ["lhc_clk => clk", "mu => mu", "eg => eg", "jet => jet", "tau => tau"]
    for collection, _, slot, bits in words():
        read.append(f"            hread(row, word{bits});")
        if collection in OBJECTS:
            read.append(f"            {collection}({slot}) <= word{bits};")
        else:
            read.append(f"            {collection} <= word32({SUM_BITS - 1} downto 0);")
    maps += [f"{collection} => {collection}" for collection in SUMS]
    slots = {collection: COLLECTIONS[collection].slots for collection in OBJECTS}
    kinds = {"mu": "muon"}
    signals = [
        f"    signal {c}: {kinds.get(c, 'calo')}_objects_array(0 to {n - 1}) := (others => (others => '0'));"
        for c, n in slots.items()
    ]
    return "\n".join(
        [
            *_head(f"one crossing per clock; the result of a crossing is written {latency} clocks later"),
            "use std.textio.all;",
            "use std.env.all;",
            "use work.gtl_pkg.all;",
            "",
            f"entity {name} is generic (stimuli: string; results: string); end entity {name};",
            "",
            f"architecture bench of {name} is",
            "    signal clk: std_logic := '0';",
            *signals,
            f"    signal {', '.join(SUMS)}: std_logic_vector({SUM_BITS - 1} downto 0) := (others => '0');",
            "    signal fires: std_logic;",
            f"    signal score: std_logic_vector({SCORE_BITS - 1} downto 0);",
            "begin",
            "    clk <= not clk after 12.475 ns;",
            f"    dut: entity work.{wrapper} port map ({', '.join(maps)}, adt_out => fires,"
            " anomaly_score_o => score);",
            "    drive: process",
            "        file given: text open read_mode is stimuli;",
            "        file found: text open write_mode is results;",
            "        variable row, line_out: line;",
            "        variable word64: std_logic_vector(63 downto 0);",
            "        variable word32: std_logic_vector(31 downto 0);",
            "    begin",
            "        while not endfile(given) loop",
            "            wait until falling_edge(clk);",
            "            readline(given, row);",
            *read,
            "            wait until rising_edge(clk);",
            "            wait for 1 ns;",
            '            hwrite(line_out, "00" & score);',
            "            write(line_out, ' ');",
            "            write(line_out, fires);",
            "            writeline(found, line_out);",
            "        end loop;",
            "        finish;",
            "    end process;",
            "end architecture bench;",
            "",
        ]
    )


def _head(text: str) -> list[str]:
    return [
        f"-- {text}; written by l1forge",
        "library ieee;",
        "use ieee.std_logic_1164.all;",
        "use ieee.numeric_std.all;",
    ]
