"""LUT, FF, latency, longest path and routed period of a graph in milliseconds; nothing is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth.estimate import Estimate

HEADINGS = ("quantity", "estimate", "error on held-back designs")


@dataclass(frozen=True)
class Estimated:
    """The estimate of one graph and what to know about it."""

    result: Estimate
    period_ns: float = CLOCK_PERIOD_NS

    def rows(self) -> list[tuple[str, ...]]:
        """Texts in the order of ``HEADINGS``."""
        found, errors = self.result, self.result.errors
        return [
            ("LUT", f"{found.lut:,}", str(errors["lut"])),
            ("FF", f"{found.ff:,}", str(errors["ff"])),
            ("latency", f"{found.latency_clocks} clocks", str(errors["latency_clocks"])),
            ("longest path, cells only", f"{found.delay_ns:.2f} ns", str(errors["delay_ns"])),
            (
                "routed period, as on ECP5",
                f"{found.routed_ns:.1f} ns, {1000 / found.routed_ns:.0f} MHz",
                str(errors["routed_ns"]),
            ),
        ]

    @property
    def warnings(self) -> list[str]:
        """Why the stated errors may not hold for this graph."""
        said = []
        if self.period_ns != CLOCK_PERIOD_NS:
            said.append(
                f"for {CLOCK_PERIOD_NS:.2f} ns, the clock of the calibration: the project has"
                f" {self.period_ns:.2f} ns, and another number of stages"
            )
        if self.result.outside:
            said.append(
                f"more than twice the largest of the calibration ({', '.join(self.result.outside)}):"
                " the errors above do not hold"
            )
        if self.result.uncounted:
            said.append(f"not counted: the logic of {', '.join(self.result.uncounted)}")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**self.result.to_dict(), "warnings": self.warnings}

    def plot(self) -> Figure:
        """LUT and FF as bars."""
        used = {"LUT": self.result.lut, "FF": self.result.ff}
        return bars(used, "estimated", f"{self.result.name}: from the graph alone")

    def _repr_html_(self) -> str:
        return html_table(f"{self.result.name}: estimate", HEADINGS, self.rows()) + html_lines(self.warnings)


def estimate(model: str | Graph) -> Estimated:
    """Estimate what `l1forge synth` with default options would find.

    Parameters
    ----------
    model
        Name of a model, a graph file, or a graph.

    Raises
    ------
    InputError
        If there is no such model or file, or nothing of the graph can be counted.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth.estimate import estimate as estimated
    from l1forge.models import graph_path
    from l1forge.studies.defaults import clock_period

    graph = model if isinstance(model, Graph) else Graph.load(graph_path(model))
    return Estimated(estimated(graph), clock_period())
