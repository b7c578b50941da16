"""The top entity in VHDL-2008, around alkaid's core: the same ports, clocks and valid bit as in Verilog."""

from __future__ import annotations

import re
from collections.abc import Sequence

from l1forge.firmware.rtl.ports import Precision, Word, packed_inputs, unpacked_outputs
from l1forge.firmware.rtl.project import Port

PLAIN = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
RESERVED_TEXT = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body
buffer bus case component configuration constant context cover default disconnect downto else elsif end entity
exit fairness file for force function generate generic group guarded if impure in inertial inout is label
library linkage literal loop map mod nand new next nor not null of on open or others out package parameter
port postponed procedure process property protected pure range record register reject release rem report
restrict restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong
subtype then to transport type unaffected units until use variable vmode vprop vunit wait when while with
xnor xor
clk rst in_valid out_valid valid packed_inp packed_out core_out held core work ieee
"""
RESERVED = frozenset(RESERVED_TEXT.split())
"""Words of IEEE 1076-2008, and the signals of the top itself."""


def vhdl_names(ports: Sequence[Port]) -> dict[str, str]:
    """Port name -> the name in VHDL: the same, as an extended identifier where VHDL needs one.

    VHDL does not tell capital letters from small ones, knows other reserved words than Verilog and allows no
    underscore at the end.
    """
    lower = [port.name.lower() for port in ports]
    return {
        port.name: port.name
        if PLAIN.fullmatch(port.name) and low not in RESERVED and lower.count(low) == 1
        else f"\\{port.name}\\"
        for port, low in zip(ports, lower, strict=True)
    }


def top_entity(
    name: str,
    core: str,
    inputs: Sequence[tuple[Port, Precision]],
    outputs: Sequence[tuple[Port, Precision]],
    latency: int,
    waiting: int = 0,
) -> str:
    """The entity ``name``; arguments and behaviour as ``ports.top_module``."""
    names = vhdl_names([port for port, _ in [*inputs, *outputs]])
    in_bits, out_bits = (sum(sum(p) for _, p in words) for words in (inputs, outputs))
    given = [f"{names[port.name]}: in {_vector(port.width)}" for port, _ in inputs]
    found = [f"{names[port.name]}: out {_vector(port.width)}" for port, _ in outputs]
    control = ["clk: in std_logic", "rst: in std_logic", "in_valid: in std_logic"]
    ports = [*control, *given, "out_valid: out std_logic", *found]
    lines = [
        "library ieee;",
        "use ieee.std_logic_1164.all;",
        "",
        f"entity {name} is port (",
        ";\n".join(f"    {port}" for port in ports),
        ");",
        f"end entity {name};",
        "",
        f"architecture rtl of {name} is",
        f"    signal valid: {_vector(latency)};",
        f"    signal packed_inp: {_vector(in_bits)};",
        f"    signal packed_out: {_vector(out_bits)};",
        *([f"    signal core_out: {_vector(out_bits)};"] if waiting else []),
        *([f"    signal held: {_vector(waiting * out_bits)};"] if waiting else []),
        "begin",
        "    process (clk) begin",
        "        if rising_edge(clk) then",
        "            if rst = '1' then valid <= (others => '0');",
        f"            else valid <= valid({latency - 2} downto 0) & in_valid; end if;",
        "        end if;",
        "    end process;",
        f"    out_valid <= valid({latency - 1});",
        *(f"    {text}" for text in _connections(inputs, outputs, names)),
        f"    core: entity work.{core} port map (clk => clk, model_inp => packed_inp,"
        f" model_out => {'core_out' if waiting else 'packed_out'});",
        *_held(out_bits, waiting),
        "end architecture rtl;",
        "",
    ]
    return "\n".join(lines)


def _held(bits: int, waiting: int) -> list[str]:
    if not waiting:
        return []
    moved = f"held({(waiting - 1) * bits - 1} downto 0) & core_out" if waiting > 1 else "core_out"
    return [
        "    process (clk) begin",
        f"        if rising_edge(clk) then held <= {moved}; end if;",
        "    end process;",
        f"    packed_out <= held({waiting * bits - 1} downto {(waiting - 1) * bits});",
    ]


def _connections(inputs: Sequence[Word], outputs: Sequence[Word], names: dict[str, str]) -> list[str]:
    lines = [
        f"packed_inp({low + width - 1} downto {low}) <="
        f" {names[port.name]}({first + width - 1} downto {first});"
        for port, low, width, first in packed_inputs(inputs)
    ]
    for port, low, width, left, right in unpacked_outputs(outputs):
        parts = [f"packed_out({low + width - 1} downto {low})"] if width else []
        if left and width:
            fill = f"packed_out({low + width - 1})" if dict(outputs)[port][0] else "'0'"
            parts.insert(0, f"({left - 1} downto 0 => {fill})")
        elif left:
            parts.insert(0, f"({left - 1} downto 0 => '0')")
        if right:
            parts.append(f"({right - 1} downto 0 => '0')")
        lines.append(f"{names[port.name]} <= {' & '.join(parts)};")
    return lines


def _vector(width: int) -> str:
    return f"std_logic_vector({width - 1} downto 0)"
