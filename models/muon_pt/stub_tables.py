"""The measurements on stubs of another simulation as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from rich.table import Table

from l1forge.models.muon_pt.evaluation import FEED_THROUGH, PLATEAU, REFERENCE, WINDOW
from l1forge.models.muon_pt.stub_measure import TUNED_ON, Measured

Numbers = Mapping[str, Any]
NOTHING = "–"
PERFECT = "perfect pT"
"""Its resolution and charge are exact by definition."""


def percent(value: Measured) -> str:
    """A share in percent with the half width of its interval."""
    if value is None:
        return NOTHING
    return f"{100 * value[0]:.2f} ± {50 * (value[2] - value[1]):.2f}"


def plus_minus(value: Measured) -> str:
    """A number and its error."""
    return NOTHING if value is None else f"{value[0]:.3f} ± {value[1]:.3f}"


def tables(result: Numbers) -> list[Table]:
    """Rates, turn-on curves at one threshold, resolution and charge; what could not be measured is a dash."""
    out = []
    algorithms = result["algorithms"]
    thresholds = [f"{t:g}" for t in result["thresholds_GeV"]]
    low, high = result["pt_GeV"]
    main = Table(
        title=f"{result['muons']} muons, {low:.3g} to {high:.3g} GeV; {result['efficiency']:.0%} efficient"
        " just above each threshold of this sample",
        caption="rates: inclusive spectrum in the sample's range of pT; errors include that of the cut",
    )
    slow = f"{FEED_THROUGH[0]:g}-{FEED_THROUGH[1]:g} GeV passing [%]"
    plateau = f"passing, {PLATEAU[0]:g} to {PLATEAU[1]:g} thresholds [%]"
    for heading in ("algorithm", "threshold [GeV]", r"rate \[kHz]", slow, plateau, "pT code ≥ threshold [%]"):
        main.add_column(heading, justify="right")
    for name, numbers in algorithms.items():
        for threshold in thresholds:
            row = numbers["thresholds"][threshold]
            code = (numbers["calibrated"] or {}).get(threshold)
            cells = (percent(row["feed_through"]), percent(row["plateau"]), percent(code))
            main.add_row(name, threshold, plus_minus(row["rate_kHz"]), *cells)
    if thresholds:
        out.append(main)
        shown = f"{REFERENCE:g}" if f"{REFERENCE:g}" in thresholds else thresholds[-1]
        curve = Table(title=f"passing {shown} GeV [%] against true pT [GeV]")
        curve.add_column("true pT")
        for name in algorithms:
            curve.add_column(name, justify="right")
        edges = result["turn_on_edges_GeV"]
        for b, (left, right) in enumerate(pairwise(edges)):
            values = [numbers["thresholds"][shown]["turn_on"][b] for numbers in algorithms.values()]
            curve.add_row(f"{left}-{right}", *map(percent, values))
        out.append(curve)
    shape = Table(
        title="ln(pT estimate / pT), and charge",
        caption="charges: not in this file" if not result["has_charge"] else None,
    )
    for heading in ("algorithm", "true pT [GeV]", "68 % half width", "median", "wrong charge [%]"):
        shape.add_column(heading, justify="right")
    for name, numbers in algorithms.items():
        if name == PERFECT:
            continue
        for b, (left, right) in enumerate(result["bands_GeV"]):
            shape.add_row(
                name,
                f"{left}-{right}",
                plus_minus(numbers["resolution"][b]),
                plus_minus(numbers["bias"][b]),
                percent(numbers["charge_misidentified"][b]),
            )
    return [*out, shape]


def remarks(result: Numbers) -> list[str]:
    """What the sample is too small for, in sentences."""
    lines = []
    if result["without_truth"]:
        lines.append(f"{result['without_truth']} candidates have no true pT: not measured")
    for threshold in result.get("not_tuned_GeV", ()):
        lines.append(
            f"threshold {threshold:g} GeV left out: fewer than {TUNED_ON} muons of"
            f" {threshold:g}-{WINDOW * threshold:g} GeV to tune it on"
        )
    if result["muons"] and not result["rate_in_range_kHz"]:
        lines.append("all muons have one pT: no rates")
    return lines
