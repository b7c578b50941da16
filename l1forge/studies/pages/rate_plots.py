"""Plots of rates that can be zoomed, for pages; those for papers are in studies/rates_menu_plots.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure

    from l1forge.studies.rates_numbers import Rate
    from l1forge.studies.rates_results import MenuRates, TargetThreshold
    from l1forge.studies.rates_seeds import SeedDetails

BLUE, ORANGE, RED, GREY = "#5790fc", "#f89c20", "#e42536", "#717581"
LABELLED = 80
"""Seeds whose names fit along an axis; of more, hovering tells them."""


def new_figure(height: int, **options: Any) -> Figure:
    """An empty figure as wide as the page; dragging zooms, the wheel scrolls the page until it is chosen."""
    from bokeh.plotting import figure

    tools = "box_zoom,pan,wheel_zoom,reset,save"
    plot = figure(height=height, sizing_mode="stretch_width", tools=tools, active_drag="box_zoom", **options)
    plot.toolbar.logo = None
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
    return plot


def rates_plot(study: MenuRates) -> Figure:
    """Total and pure rates behind prescales with their intervals, the highest at the top."""
    from bokeh.models import ColumnDataSource, HoverTool

    seeds = sorted(study.seeds, key=lambda seed: seed.total_after.khz)
    names = [seed.name for seed in seeds]
    plot = new_figure(
        110 + 26 * len(seeds),
        y_range=names,
        x_axis_type="log",
        x_axis_label="rate [kHz]",
        x_axis_location="above",
    )
    plot.yaxis.visible = False  # the names stand within the plot, where a phone has room for them
    plot.ygrid.grid_line_color = None
    floor = _floor([_ends(seed.total_after) for seed in seeds])
    for label, color, shift, pick in (
        ("total", BLUE, -0.15, lambda seed: seed.total_after),
        ("pure", ORANGE, -0.35, lambda seed: seed.pure_after),
    ):
        rows = [(seed.name, rate) for seed in seeds if (rate := pick(seed)) is not None]
        source = ColumnDataSource(
            {
                "at": [(name, shift) for name, _ in rows],
                "name": [name for name, _ in rows],
                "khz": [rate.khz for _, rate in rows],
                "shown": [rate.khz if rate.khz > 0 else np.nan for _, rate in rows],
                "low": [max(rate.low_khz, floor) for _, rate in rows],
                "low_khz": [rate.low_khz for _, rate in rows],
                "high": [max(rate.high_khz, floor) for _, rate in rows],
            }
        )
        plot.segment("low", "at", "high", "at", source=source, color=color, line_width=2, legend_label=label)
        dots = plot.scatter("shown", "at", source=source, color=color, size=7, legend_label=label)
        tips = [("", "@name"), (label, "@khz{0.0000} kHz, 68 %: @low_khz{0.0000} to @high{0.0000}")]
        plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    plot.text(
        [floor] * len(names),
        [(name, 0.25) for name in names],
        names,
        text_font_size="11px",
        text_baseline="middle",
    )
    plot.legend.location = "bottom_right"
    plot.legend.click_policy = "hide"
    return plot


def overlap_plot(study: MenuRates) -> Figure:
    """Part of the row's seed in which the column's fires too; hovering tells both rates."""
    from bokeh.models import ColumnDataSource, CustomJSHover, FixedTicker, HoverTool
    from bokeh.palettes import Viridis256
    from bokeh.transform import linear_cmap

    fractions = study.overlap_fractions()
    shown = [i for i, seed in enumerate(study.seeds) if study.overlap_khz[i][i] > 0]
    n = len(shown)
    pairs = [
        (column, row, fractions[i][j], study.overlap_khz[i][j])
        for row, i in enumerate(shown)
        for column, j in enumerate(shown)
        if study.overlap_khz[i][j] > 0
    ]
    x, y, part, khz = (np.array([pair[k] for pair in pairs], float) for k in range(4))
    names = ColumnDataSource({"name": [study.seeds[i].name for i in shown]})
    cells = ColumnDataSource({"x": x, "y": y, "part": part, "khz": khz})
    size = max(360, min(1100, 160 + 13 * n))
    plot = new_figure(
        size + 100,
        name="overlap",
        x_range=(-0.5, max(n, 1) - 0.5),
        y_range=(max(n, 1) - 0.5, -0.5),
        x_axis_location="above",
    )
    cmap = linear_cmap("part", Viridis256, low=0, high=1)
    rects = plot.rect("x", "y", 1, 1, source=cells, color=cmap, line_color=None)
    plot.add_layout(rects.construct_color_bar(title="part of the row's seed", width=12), "right")
    plot.grid.grid_line_color = None
    plot.background_fill_color = "#f4f6f8"
    name_of = CustomJSHover(args={"names": names}, code="return names.data.name[Math.round(value)]")
    plot.add_tools(
        HoverTool(
            renderers=[rects],
            tooltips=[
                ("row", "@y{custom}"),
                ("column", "@x{custom}"),
                ("part of the row", "@part{0.0000}"),
                ("both fire", "@khz{0.0000} kHz"),
            ],
            formatters={"@x": name_of, "@y": name_of},
        )
    )
    for axis in (plot.xaxis, plot.yaxis):
        axis.ticker = FixedTicker(ticks=list(range(n)) if n <= LABELLED else [])
        axis.major_label_overrides = {place: study.seeds[i].name for place, i in enumerate(shown)}
        axis.major_label_text_font_size = "9px"
    plot.xaxis.major_label_orientation = np.pi / 2
    return plot


def curve_plot(seed: SeedDetails) -> Figure:
    """Rate against the leading threshold of a seed, that of the menu marked."""
    cut = seed.cut or ""
    in_gev = all(point.gev is not None for point in seed.curve)
    x = [float(point.threshold if point.gev is None else point.gev) for point in seed.curve]
    label = f"threshold on {cut} [{'GeV' if in_gev else 'hardware code'}]"
    plot = curve(
        x, [point.threshold for point in seed.curve], list(map(_ends, (p.rate for p in seed.curve))), label
    )
    at = next((x[i] for i, p in enumerate(seed.curve) if p.threshold == seed.threshold), None)
    if at is not None:
        _mark(plot, at, "height", "menu")
    return plot


def target_plot(target: TargetThreshold) -> Figure:
    """Rate against the threshold of a target's seed, target and threshold marked."""
    x = [float(point.threshold) for point in target.curve]
    label = f"threshold on {target.cut} [hardware code]"
    plot = curve(x, x, [_ends(point.rate) for point in target.curve], label)
    seen = [point.threshold for point in target.curve if point.rate.khz > 0]
    if seen and seen[-1] < x[-1]:  # most thresholds of a wide score are beyond every event
        plot.x_range.start, plot.x_range.end = x[0], max(1.2 * seen[-1], 1.1 * target.threshold, x[0] + 1)
    _mark(plot, target.target_khz, "width", "target")
    _mark(plot, target.threshold, "height", "threshold")
    return plot


def curve(
    x: Sequence[float], codes: Sequence[float], rates: Sequence[tuple[float, float, float]], label: str
) -> Figure:
    """Rates in kHz (value and both ends of its interval) against thresholds ``x``, on a logarithmic axis."""
    from bokeh.models import ColumnDataSource, HoverTool

    floor = _floor(rates)
    source = ColumnDataSource(
        {
            "x": list(x),
            "code": list(codes),
            "khz": [khz for khz, _, _ in rates],
            "shown": [khz if khz > 0 else np.nan for khz, _, _ in rates],
            "low": [max(low, floor) for _, low, _ in rates],
            "low_khz": [low for _, low, _ in rates],
            "high": [max(high, floor) for _, _, high in rates],
        }
    )
    plot = new_figure(300, y_axis_type="log", x_axis_label=label, y_axis_label="rate [kHz]")
    plot.varea("x", "low", "high", source=source, color=BLUE, alpha=0.25)
    plot.line("x", "shown", source=source, color=BLUE)
    dots = plot.scatter("x", "shown", source=source, color=BLUE, size=5)
    tips = [("code", "@code"), ("rate", "@khz{0.0000} kHz, 68 %: @low_khz{0.0000} to @high{0.0000}")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips, mode="vline"))
    return plot


def _mark(plot: Figure, at: float, dimension: str, label: str) -> None:
    from bokeh.models import Label, Span

    plot.add_layout(
        Span(location=at, dimension=dimension, line_color=ORANGE, line_width=2, line_dash="dashed")
    )
    place = (
        {"x": at, "y": 4, "y_units": "screen"}
        if dimension == "height"
        else {"x": 4, "y": at, "x_units": "screen"}
    )
    plot.add_layout(Label(text=label, text_font_size="11px", text_color="#9a4b00", x_offset=3, **place))


def _ends(rate: Rate) -> tuple[float, float, float]:
    return rate.khz, rate.low_khz, rate.high_khz


def _floor(rates: Sequence[tuple[float, float, float]]) -> float:
    """Where a logarithmic axis ends that zero cannot stand on: a third of the smallest number shown."""
    above = [value for rate in rates for value in rate if value > 0]
    return min(above, default=1.0) / 3
