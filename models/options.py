"""Options that several trainings have; ``offers.py`` of the models names them in its signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Trees = Annotated[int, typer.Option("--trees", min=1, help="Number of boosting rounds.")]
Candidates = Annotated[
    Path | None, typer.Option("--data", help="File with candidates; default: the committed one.")
]
