"""The robustness of the muon algorithms as tables: on the terminal, and between markers of docs/muon.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l1forge.studies.muon_robustness import Robustness, Row

BEGIN = "<!-- muon_robustness: written by l1forge evaluate muon_robustness -->"
END = "<!-- end of muon_robustness -->"
HEADINGS = (
    "algorithm", "trained on", "tested on", "rate [kHz]", "3-5 GeV passing [1e-4]", "30-60 GeV passing [%]",
    "wrong charge 10-50 GeV [%]", "above 50 GeV [%]", "half width of ln(pT) at 60-100 GeV",
)  # fmt: skip
NONE = "none"


def _number(value: Sequence[float], scale: float = 1.0, digits: int = 2) -> str:
    return f"{scale * value[0]:.{digits}f} ± {scale * value[1]:.{digits}f}"


def rows(found: Sequence[Row]) -> list[tuple[str, ...]]:
    """One row per algorithm and test sample, in the order of HEADINGS."""
    out: list[tuple[str, ...]] = []
    for row in found:
        for test, n in row.tests.items():
            out.append((
                row.name, row.labels, test, _number(n["rate_kHz"], 1, 3), _number(n["feed_through"], 1e4, 1),
                _number(n["plateau"], 100), _number(n["wrong_charge_10_50"], 100),
                _number(n["wrong_charge_50_200"], 100), _number(n["resolution"], 1, 3),
            ))  # fmt: skip
    return out


def dead_rows(found: Robustness) -> tuple[list[str], list[tuple[str, ...]]]:
    """Headings and rows: each layer dead in turn, efficiency and rate of every algorithm."""
    algorithms = list(found.dead[NONE])
    heads = ["dead layer", *(f"{name}: efficiency [%], rate ratio" for name in algorithms)]
    table = []
    for layer, numbers in found.dead.items():
        cells = []
        for name in algorithms:
            now, intact = numbers[name], found.dead[NONE][name]
            ratio = now["rate_kHz"][0] / max(intact["rate_kHz"][0], 1e-9)
            cells.append(f"{100 * now['efficiency'][0]:.1f}, {ratio:.2f}")
        table.append((layer, *cells))
    return heads, table


def _markdown(heads: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in table)])


def text(found: Robustness) -> str:
    """What stands between the markers of the page."""
    sizes: Any = found.sizes
    committed = (
        f"The committed algorithms; the patterns of B are filled with {sizes.training:,} muons."
        f" {sizes.test:,} test muons, seeds 777 and 778; errors: statistical, and of the cut."
    )
    parts = [_markdown(HEADINGS, rows(found.rows)), committed]
    if found.methods:
        made = (
            f"Ways to train the network {found.network}, in floating point: {sizes.training:,} muons,"
            f" {sizes.epochs} epochs, {len(sizes.seeds)} seeds, {found.device}. Errors: statistical, of"
            " the cut, and of the mean over seeds."
        )
        parts += [_markdown(HEADINGS, rows(found.methods)), made]
    dead = (
        f"Detector A with one layer dead, cuts of the intact detector; {sizes.dead_layer:,} muons each;"
        f" statistical errors: {_dead_errors(found)}."
    )
    return "\n\n".join([*parts, _markdown(*dead_rows(found)), dead])


def _dead_errors(found: Robustness) -> str:
    every = [numbers for row in found.dead.values() for numbers in row.values()]
    efficiency = max((n["efficiency"][2] - n["efficiency"][1]) / 2 for n in every)
    rate = max(n["rate_kHz"][1] / max(n["rate_kHz"][0], 1e-9) for n in every)
    return f"efficiencies up to {100 * efficiency:.1f} %, rates up to {100 * rate:.0f} %"
