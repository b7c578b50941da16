"""The page of two rate studies that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.studies.pages.page import plot, render
from l1forge.studies.pages.rate_plots import BLUE, GREY, new_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure

    from l1forge.studies.comparison import Comparison

SHOWN = 60


def comparison_page(found: Comparison) -> str:
    """The comparison as one HTML page."""
    moved = found.moved()
    return render(
        "comparison.html.j2",
        title=f"{found.menu_a} (A) and {found.menu_b} (B)",
        found=found,
        moved=moved,
        plots=bool(moved),
        chart=plot(_chart(found), "changes") if moved else None,
    )


def _chart(found: Comparison) -> Figure:
    """Differences with their errors, what moved most at the top."""
    from bokeh.models import ColumnDataSource, HoverTool, Span

    moved = found.moved()[:SHOWN]
    names = [f"{change.seed}, {change.quantity}" for change in moved][::-1]
    source = ColumnDataSource(
        {
            "name": names[::-1],
            "at": [(name, -0.2) for name in names[::-1]],
            "difference": [c.difference_khz for c in moved],
            "low": [c.difference_khz - c.error_khz for c in moved],
            "high": [c.difference_khz + c.error_khz for c in moved],
            "a": [c.a_khz for c in moved],
            "b": [c.b_khz for c in moved],
            "error": [c.error_khz for c in moved],
        }
    )
    chart = new_figure(
        110 + 26 * len(moved), y_range=names, x_axis_label="B − A [kHz]", x_axis_location="above"
    )
    chart.yaxis.visible = False
    chart.ygrid.grid_line_color = None
    chart.add_layout(Span(location=0, dimension="height", line_color=GREY))
    chart.segment("low", "at", "high", "at", source=source, color=BLUE, line_width=2)
    dots = chart.scatter("difference", "at", source=source, color=BLUE, size=7)
    left = min(c.difference_khz - c.error_khz for c in moved)
    chart.text(
        [left] * len(names),
        [(name, 0.25) for name in names],
        names,
        text_font_size="11px",
        text_baseline="middle",
    )
    tips = [("", "@name"), ("A", "@a kHz"), ("B", "@b kHz"), ("B − A", "@difference ± @error kHz")]
    chart.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    return chart
