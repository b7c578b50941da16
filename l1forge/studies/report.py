"""What is known about a model's firmware from the steps that were run: design, co-verification, synthesis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l1forge.firmware.report import Section


@dataclass(frozen=True)
class FirmwareReport:
    """The sections of the page about one model; a section's note says what is missing or stale."""

    model: str
    sections: tuple[Section, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data for JSON, one entry for each section."""
        return [asdict(section) for section in self.sections]

    def markdown(self) -> str:
        """The page as Markdown."""
        from l1forge.firmware.report import to_markdown

        return to_markdown(self.model, list(self.sections))

    def html(self) -> str:
        """The page as one HTML file."""
        from l1forge.firmware.report import to_html

        return to_html(self.model, list(self.sections))

    def _repr_html_(self) -> str:
        return self.html()


def report(model: str) -> FirmwareReport:
    """Collect what co-verification and synthesis of ``model`` left in the build folder; nothing is run.

    Raises
    ------
    InputError
        If there is no such model or graph file, or a result file cannot be read.
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.report import collect
    from l1forge.models import graph_path

    graph = Graph.load(graph_path(model))
    build = build_folder()
    sections = collect(model, build / "rtl" / graph.name, build / "reports" / graph.name, graph)
    return FirmwareReport(graph.name, tuple(sections))
