"""Options that several trainings have; ``offers.py`` of the models names them in its signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Trees = Annotated[int, typer.Option("--trees", min=1, help="Boosting rounds.")]
Candidates = Annotated[
    Path | None, typer.Option("--data", help="Candidate file; default: the committed one.")
]
