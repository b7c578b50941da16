"""A graph as a drawing: boxes from left to right by the longest way from an input, types on the arrows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from l1forge.studies.layer_table import LayerRow

WIDTH, HEIGHT, GAP_X, GAP_Y = 188, 58, 26, 18
COLUMNS = 5
"""Boxes side by side; longer graphs continue below."""
COLOURS = {
    "input": "#eef1f4",
    "dense": "#d7e4ff",
    "tree_ensemble": "#d7e4ff",
    "relu": "#e3f4e0",
    "table": "#fdebd2",
    "cast": "#f3e8fb",
    "scale_bias": "#f3e8fb",
}
"""Colours that help the eye; other operations are white."""


def network_drawing(rows: Sequence[LayerRow], outputs: Sequence[str]) -> Markup:
    """An SVG of the network; outputs have a thick frame."""
    depth: dict[str, int] = {}
    for row in rows:
        depth[row.name] = max((depth[name] + 1 for name in row.inputs if name in depth), default=0)
    levels: dict[int, list[LayerRow]] = {}
    for row in rows:
        levels.setdefault(depth[row.name], []).append(row)
    tops, y = [], 10  # of each line of boxes
    for first in range(0, len(levels), COLUMNS):
        tallest = max(len(levels[level]) for level in range(first, min(first + COLUMNS, len(levels))))
        tops.append(y)
        y += tallest * (HEIGHT + GAP_Y) + GAP_Y
    places = {
        row.name: (
            10 + (level % COLUMNS) * (WIDTH + GAP_X),
            tops[level // COLUMNS] + place * (HEIGHT + GAP_Y),
        )
        for level, members in levels.items()
        for place, row in enumerate(members)
    }
    width = 10 + min(max(len(levels), 1), COLUMNS) * (WIDTH + GAP_X)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" role="img"'
        ' aria-label="the network" font-family="system-ui, sans-serif" font-size="11">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#5c6670"/></marker></defs>',
    ]
    for row in rows:
        for name in row.inputs:
            if name in places:
                parts.append(_arrow(places[name], places[row.name]))
    for row in rows:
        parts.append(_box(row, *places[row.name], row.name in outputs))
    return Markup("\n".join([*parts, "</svg>"]))


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x0, y0, x1, y1 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    if x1 > x0:
        path = f"M{x0} {y0} C{x0 + 14} {y0} {x1 - 14} {y1} {x1} {y1}"
    else:  # the next line of boxes
        low = end[1] - GAP_Y // 2
        path = f"M{x0} {y0} h8 V{low} H{x1 - 6} V{y1} H{x1}"
    return f'<path d="{path}" fill="none" stroke="#5c6670" marker-end="url(#tip)"/>'


def _box(row: LayerRow, x: int, y: int, is_output: bool) -> str:
    shape = " × ".join(map(str, row.shape))
    lines = ((14, row.name, "600"), (29, f"{row.operation} {shape}", "400"), (44, row.type, "400"))
    texts = "".join(
        f'<text x="{x + 7}" y="{y + dy + 2}" font-weight="{weight}">{escape(_short(text))}</text>'
        for dy, text, weight in lines
    )
    return (
        f"<g><title>{escape(f'{row.name}: {row.operation} {shape}, {row.type}')}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"'
        f' fill="{COLOURS.get(row.operation, "#ffffff")}" stroke="#1b1f24"'
        f' stroke-width="{2.5 if is_output else 1}"/>{texts}</g>'
    )


def _short(text: str) -> str:
    return text if len(text) <= 27 else f"{text[:26]}…"
