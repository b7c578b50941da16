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
) -> None:
    """Fill the golden-pattern tables from simulated muons (about a minute).

    Example: `l1forge train muon_patterns -o build/patterns.npz`
    """
    import l1forge.models.muon_patterns.train as training
    from l1forge.models.muon_patterns.patterns import TRAINED

    training.main(seed, output or TRAINED, muons)


MODEL = Model("muon_patterns", Training(train, 2024, "file"))
