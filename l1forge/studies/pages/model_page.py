"""The page about one model's firmware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l1forge.studies.pages.network_drawing import network_drawing
from l1forge.studies.pages.page import plot, render
from l1forge.studies.pages.rate_plots import curve, new_figure

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure

    from l1forge.studies.report import FirmwareReport

COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd", "#2a8a57", "#b9770e")


def model_page(report: FirmwareReport) -> str:
    """The report as one HTML page."""
    physics = report.physics
    parts = [run["family"] for run in report.syntheses]
    shown = len(set(parts)) < len(parts)  # one part at least was synthesised twice
    return render(
        "model.html.j2",
        plots=bool(physics) or shown,
        title=f"{report.model}: firmware",
        report=report,
        drawing=network_drawing(report.layers, report.outputs),
        rate=plot(_rate(physics), "rate") if physics else None,
        efficiency=plot(_efficiency(physics), "efficiency") if physics and _signals(physics) else None,
        trend=plot(_trend(report), "trend") if shown else None,
    )


def _rate(physics: Mapping[str, Any]) -> Figure:
    points = physics["curve"]
    x = [float(point["threshold"]) for point in points]
    rates = [(p["rate_khz"], p["rate_low_khz"], p["rate_high_khz"]) for p in points]
    return curve(x, x, rates, f"threshold on {physics['score']} [hardware code]")


def _signals(physics: Mapping[str, Any]) -> list[str]:
    return sorted({name for target in physics["targets"] for name in target["efficiency"]})


def _efficiency(physics: Mapping[str, Any]) -> Figure:
    """Efficiency of every signal against the rate that the threshold gives."""
    from bokeh.models import ColumnDataSource, HoverTool, Legend, LegendItem

    chart = new_figure(360, x_axis_type="log", x_axis_label="rate [kHz]", y_axis_label="efficiency [%]")
    items = []
    for place, name in enumerate(_signals(physics)):
        rows = [t for t in physics["targets"] if name in t["efficiency"]]
        rows.sort(key=lambda target: target["rate_khz"])
        found = [target["efficiency"][name] for target in rows]
        source = ColumnDataSource(
            {
                "rate": [target["rate_khz"] for target in rows],
                "threshold": [target["threshold"] for target in rows],
                "value": [100 * value["value"] for value in found],
                "low": [100 * value["low"] for value in found],
                "high": [100 * value["high"] for value in found],
                "name": [name] * len(rows),
            }
        )
        colour = COLOURS[place % len(COLOURS)]
        line = chart.line("rate", "value", source=source, color=colour)
        bars = chart.segment("rate", "low", "rate", "high", source=source, color=colour)
        dots = chart.scatter("rate", "value", source=source, color=colour, size=7)
        items.append(LegendItem(label=name, renderers=[dots, line, bars]))
        tips = [
            ("", "@name"),
            ("score ≥", "@threshold"),
            ("efficiency", "@value{0.00} %"),
            ("rate", "@rate kHz"),
        ]
        chart.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    chart.add_layout(Legend(items=items, click_policy="hide", label_text_font_size="11px", ncols=2), "below")
    return chart


def _trend(report: FirmwareReport) -> Figure:
    """LUT and FF of every synthesis, the oldest first, a line for each part."""
    from bokeh.models import ColumnDataSource, HoverTool

    runs = [run for run in report.syntheses if isinstance(run["lut"], int) and isinstance(run["ff"], int)]
    chart = new_figure(260, x_axis_label="run", y_axis_label="LUT, FF")
    parts = list(dict.fromkeys(str(run["family"]) for run in runs))
    longest = 1
    for place, part in enumerate(parts):
        own = [run for run in runs if str(run["family"]) == part]
        longest = max(longest, len(own))
        source = ColumnDataSource(
            {
                "run": list(range(1, len(own) + 1)),
                "when": [str(run["when"]) for run in own],
                "lut": [run["lut"] for run in own],
                "ff": [run["ff"] for run in own],
                "clocks": [run["latency_clocks"] for run in own],
            }
        )
        for key, label, dash in (("lut", "LUT", "solid"), ("ff", "FF", "dashed")):
            style = {"color": COLOURS[place % len(COLOURS)], "legend_label": f"{label}, {part}"}
            chart.line("run", key, source=source, line_dash=dash, **style)
            dots = chart.scatter("run", key, source=source, size=8, **style)
            tips = [("", "@when"), ("part", part), ("LUT", "@lut"), ("FF", "@ff"), ("clocks", "@clocks")]
            chart.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    chart.y_range.start = 0
    chart.x_range.start, chart.x_range.end = 0.5, longest + 0.5
    chart.xaxis.ticker.mantissas = [1, 2, 5]
    chart.xaxis.ticker.min_interval = 1
    chart.legend.location = "center_right"
    return chart
