"""What the golden patterns offer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.models.registry import Model, Report, Training


def train(
    seed: int,
    output: Path | None,
    report: Report,
    muons: Annotated[int, typer.Option("--muons", "-n", help="Number of muons.", min=1000)] = 2_000_000,
    stubs: Annotated[
        Path | None,
        typer.Option(
            help="Fill from these stubs of another simulation (npz, parquet, with true pT, charge)."
        ),
    ] = None,
) -> None:
    """Fill the golden-pattern tables from simulated muons (about a minute), or from stubs of a file.

    A file often has too few muons for some patterns: their tables stay as they are, and are counted.

    Examples:

    `l1forge train muon_patterns -o build/patterns.npz`

    `l1forge train muon_patterns --stubs full_simulation.parquet -o build/patterns.npz`
    """
    import l1forge.models.muon_patterns.train as training
    from l1forge.models.muon_patterns.patterns import TRAINED, load_patterns

    if stubs is None:
        training.main(seed, output or TRAINED, muons)
        return
    from l1forge.simulation.muons.stubs import read_stubs

    needed = {name: "the tables are sorted by true pT and charge" for name in ("pt", "charge")}
    sample, counts = read_stubs(stubs, needed=needed)
    known = (sample.pt > 0) & (sample.charge != 0)
    tables, filled = training.tuned_tables(sample.select(known), load_patterns())
    tables.save(output or TRAINED)
    total = tables.offset.shape[0] * tables.offset.shape[2]
    report(
        f"{int(known.sum())} of {counts.candidates} candidates have a true pT and charge;"
        f" {filled} of {total} pairs of reference and pattern filled, the others stay"
    )


MODEL = Model("muon_patterns", Training(train, 2024, "file"))
