"""Look-up tables that only pass a signal into a carry chain, which Yosys does not count and a part spends."""

from __future__ import annotations

import re
from typing import Any

TABLE, CARRY = re.compile(r"LUT\d"), re.compile(r"CARRY\d")


def passed_through(netlist: dict[str, Any], top: str) -> int:
    """How many propagate inputs of carry cells come from no look-up table (``netlist``: Yosys' JSON).

    In Xilinx parts this input is wired to the look-up table beside it, which is taken whatever it does.
    """
    cells = netlist["modules"][top]["cells"].values()
    tables = {cell["connections"]["O"][0] for cell in cells if TABLE.fullmatch(cell["type"])}
    return sum(
        isinstance(bit, int) and bit not in tables  # constants are texts
        for cell in cells
        if CARRY.fullmatch(cell["type"])
        for bit in cell["connections"]["S"]
    )
