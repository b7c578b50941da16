"""Pieces of Verilog text: sized literals, widened expressions, comparisons whose ends fold away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


def bits_of(low: int, high: int) -> int:
    """Bits that hold every integer from ``low`` to ``high``: two's complement if ``low`` is negative.

    >>> bits_of(0, 255), bits_of(-128, 127), bits_of(0, 0)
    (8, 8, 1)
    """
    if low < 0:
        return max((-low - 1).bit_length(), high.bit_length()) + 1
    return max(high.bit_length(), 1)


def literal(value: int, width: int, signed: bool = False) -> str:
    """A sized decimal literal of ``value``.

    >>> literal(5, 8), literal(-3, 9, signed=True)
    ("8'd5", "-9'sd3")
    """
    return f"{'-' if value < 0 else ''}{width}'{'s' if signed else ''}d{abs(value)}"


def widened(name: str, width: int, to: int) -> str:
    """An unsigned name of ``width`` bits with zeros in front, ``to`` bits wide."""
    return name if to == width else f"{{{to - width}'d0, {name}}}"


def within(name: str, low: int, high: int, least: int, most: int, width: int, signed: bool = False) -> str:
    """Is a value of ``least`` to ``most`` in ``low`` to ``high``? Ends that decide nothing are left out."""
    if low > most or high < least or low > high:
        return "1'b0"
    if low == high:
        return f"({name} == {literal(low, width, signed)})"
    parts = []
    if low > least:
        parts.append(f"({name} >= {literal(low, width, signed)})")
    if high < most:
        parts.append(f"({name} <= {literal(high, width, signed)})")
    return f"({' & '.join(parts)})" if parts else "1'b1"


def span(width: int) -> str:
    """The range of a vector."""
    return f"[{width - 1}:0]"


def any_of(terms: Iterable[str]) -> str:
    """OR of terms; constants fold away."""
    kept = [term for term in dict.fromkeys(terms) if term != "1'b0"]
    if "1'b1" in kept:
        return "1'b1"
    return " | ".join(kept) if kept else "1'b0"


def all_of(terms: Iterable[str]) -> str:
    """AND of terms; constants fold away."""
    kept = [term for term in dict.fromkeys(terms) if term != "1'b1"]
    if "1'b0" in kept:
        return "1'b0"
    return " & ".join(kept) if kept else "1'b1"


@dataclass
class Module:
    """A module under construction: ports, declarations, assignments and clocked assignments."""

    name: str
    about: str
    ports: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    clocked: list[str] = field(default_factory=list)

    def wire(self, name: str, expression: str, width: int = 1, signed: bool = False) -> str:
        """Declare a wire and assign it."""
        self.body.append(f"    wire {'signed ' if signed else ''}{vector(width)}{name} = {expression};")
        return name

    def register(self, name: str, expression: str, width: int = 1, signed: bool = False) -> str:
        """Declare a register that takes ``expression`` at every clock."""
        self.body.append(f"    reg {'signed ' if signed else ''}{vector(width)}{name};")
        self.clocked.append(f"        {name} <= {expression};")
        return name

    def text(self) -> str:
        """The module's file."""
        ports = ",\n".join(f"    {port}" for port in self.ports)
        lines = [f"// {line}" for line in self.about.splitlines()]
        lines += [f"module {self.name} (", ports, ");", *self.body]
        if self.clocked:
            lines += ["    always @(posedge clk) begin", *self.clocked, "    end"]
        return "\n".join([*lines, "endmodule", ""])


def vector(width: int) -> str:
    """The range of a declaration; a scalar has none."""
    return f"{span(width)} " if width > 1 else ""


def memory(name: str, values: Sequence[int], width: int) -> list[str]:
    """A look-up table as an array with an initial value for each word."""
    lines = [f"    reg {vector(width)}{name} [0:{len(values) - 1}];", "    initial begin"]
    lines += [f"        {name}[{i}] = {literal(int(v), width)};" for i, v in enumerate(values)]
    return [*lines, "    end"]
