"""What the imports of networks and trees return: the graph, and all that a user should know about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.graph.node_table import HEADINGS, node_records, node_rows
from l1forge.studies.html import html_lines, html_table

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.hls.choose.choose import Choice
    from l1forge.firmware.hls.fidelity.fidelity import Fidelity
    from l1forge.firmware.verify import Comparison
    from l1forge.studies.tree_types import TreeTypes


@dataclass(frozen=True)
class Imported:
    """A graph read from a file of another program.

    ``notes``: what was left out or assumed. ``warnings``: types that values can exceed. ``compared``: one
    comparison with the compiled C++ for each output, empty where none was asked for. ``fidelity``: the
    comparison with the trained network on data, ``choice``: types chosen from data, None where not asked for.
    """

    graph: Graph
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    compared: tuple[Comparison, ...] = ()
    fidelity: Fidelity | None = None
    choice: Choice | None = None

    @property
    def exact(self) -> bool:
        """Whether no comparison found a difference (also true without comparisons: see ``compared``)."""
        return all(outcome.exact for outcome in self.compared)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the graph itself is saved by ``graph.save``."""
        return {
            "name": self.graph.name,
            "nodes": node_records(self.graph),
            "outputs": list(self.graph.outputs),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "compared": [asdict(outcome) for outcome in self.compared],
            **({"fidelity": self.fidelity.document()} if self.fidelity else {}),
            **({"choice": self.choice.document()} if self.choice else {}),
        }

    def save(self, path: str | Path) -> None:
        """Write the graph file."""
        self.graph.save(Path(path))

    def _repr_html_(self) -> str:
        title = f"{self.graph.name}: {len(self.graph.nodes)} nodes"
        said = [f"note: {note}" for note in self.notes] + [f"warning: {text}" for text in self.warnings]
        return html_table(title, HEADINGS, node_rows(self.graph)) + html_lines(
            [*said, *map(str, self.compared)]
        )


@dataclass(frozen=True)
class ImportedTrees(Imported):
    """A graph read from a decision-tree ensemble.

    ``loss``: share of decisions that the types changed, or of what is lost where they were chosen at a rate;
    ``at_rate``: that choice.
    """

    trees: int = 0
    depth: int = 0
    library: str = ""
    loss: float | None = None
    at_rate: TreeTypes | None = None

    def to_dict(self) -> dict[str, Any]:
        own = {"trees": self.trees, "depth": self.depth, "library": self.library, "loss": self.loss}
        own |= {"at_rate": self.at_rate.to_dict()} if self.at_rate else {}
        return {**super().to_dict(), **own}
