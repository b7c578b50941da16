"""Draw the stages of the default trigger path in Verilog: docs/figures/path_rtl.svg.

Models, latencies and ports are those of the generated project; run it after a change of the default path.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from l1forge.emulator.atomic import write_text
from l1forge.emulator.lhc import BUNCH_SPACING_NS
from l1forge.firmware.path import PathProject
from l1forge.studies.path_firmware import write_path_firmware

TARGET = Path(__file__).parents[1] / "figures" / "path_rtl.svg"
BLUE, GREEN, GREY, INK = "#dbe9f6", "#e0f0dc", "#eeeeee", "#222222"
WIDTH, HEIGHT = 1230, 400


class Drawing:
    """Boxes, arrows and texts, in the order in which they are drawn."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def box(self, x: int, y: int, w: int, h: int, lines: list[str], fill: str) -> None:
        """A box with lines of text, the first one bold."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{fill}" stroke="{INK}"/>'
        )
        top = y + h / 2 - 8 * (len(lines) - 1) + 5
        for i, line in enumerate(lines):
            self.text(x + w // 2, top + 16 * i, line, bold=i == 0)

    def text(self, x: float, y: float, line: str, *, bold: bool = False, anchor: str = "middle") -> None:
        """One line of text."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(line)}</text>')

    def arrow(self, *points: tuple[int, int]) -> None:
        """A line through points, with a head at its end."""
        path = " ".join(f"{x},{y}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{INK}" marker-end="url(#head)"/>')

    def svg(self) -> str:
        """The file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
            ' font-size="12"><defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"'
            f' markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker></defs>'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        )
        return "\n".join([head, *self.parts, "</svg>", ""])


def draw(project: PathProject) -> str:
    """The picture of a path."""
    d, y = Drawing(), 110
    d.box(10, y, 130, 90, ["objects", "8 mu × 64 bits", "eg, tau, jet: 12 × 32", "6 sums, ext, links"], GREY)
    inside = [part for part in project.parts if part.project]
    for row, part in enumerate(inside):
        top = 20 + 45 * row
        d.box(200, top, 170, 36, [f"{part.model}: {part.latency} clocks"], GREEN)
        d.arrow((140, y + 30), (170, y + 30), (170, top + 18), (200, top + 18))
        d.arrow((370, top + 18), (400, top + 18), (400, y + 40), (430, y + 40))
    d.box(200, y + 60, 170, 36, [f"delay: {project.delay} clocks"], BLUE)
    d.arrow((140, y + 78), (200, y + 78))
    d.arrow((370, y + 78), (430, y + 78))
    for row, part in enumerate(part for part in project.parts if not part.project):
        top = y + 115 + 45 * row
        d.box(200, top, 170, 36, [f"{part.model}: scores by port"], GREY)
        d.arrow((370, top + 18), (400, top + 18), (400, y + 82), (430, y + 82))
    seeds = len(project.menu.algorithms)
    d.box(430, y + 10, 140, 90, ["menu", f"{seeds} seeds", f"{project.menu_latency} clocks"], GREEN)
    d.box(610, y + 10, 140, 90, ["mask, prescale", "BX mask, 100 × factor", "counters", "1 clock"], BLUE)
    d.box(790, y + 10, 110, 90, ["FinOR, veto", "1 clock"], BLUE)
    d.box(940, y + 10, 110, 90, ["trigger rules", "dead time, buffer", "1 clock"], BLUE)
    for left, right in ((570, 610), (750, 790), (900, 940)):
        d.arrow((left, y + 55), (right, y + 55))
    d.arrow((1050, y + 55), (1090, y + 55))
    for row, name in enumerate(("accept", "512 bits before", "512 bits after", "scores, BX, orbit")):
        d.text(1095, y + 40 + 16 * row, name, anchor="start", bold=row == 0)
    d.box(
        430,
        300,
        620,
        50,
        ["registers behind AXI4-Lite", "shadow copies, in effect where a luminosity section begins"],
        GREY,
    )
    for x, name in ((500, "thresholds"), (680, "prescales, masks"), (845, "masks"), (995, "rules")):
        d.arrow((x, 300), (x, y + 100))
        d.text(x + 6, 260, name, anchor="start")
    ns = project.latency * BUNCH_SPACING_NS
    d.text(590, 385, f"{project.latency} clocks of 40.079 MHz from objects to accept: {ns:.1f} ns")
    return d.svg()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_text(TARGET, draw(write_path_firmware(folder=Path(folder) / "path").project))
    print(f"wrote {TARGET}")
