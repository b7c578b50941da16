"""Options of the commands that continuous integration runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Junit = Annotated[Path | None, typer.Option(help="Also write JUnit XML for continuous integration.")]
Github = Annotated[bool, typer.Option("--github", help="Also print annotations of GitHub Actions.")]
