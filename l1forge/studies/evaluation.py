"""What a committed model is worth, on crossings that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.html import html_table

if TYPE_CHECKING:
    from l1forge.models.registry import Report


@dataclass(frozen=True)
class Evaluation:
    """The report of a model as plain data, and the files written into ``folder``."""

    model: str
    folder: Path
    files: tuple[str, ...]
    report: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"model": self.model, "folder": str(self.folder), "files": list(self.files), **self.report}

    def _repr_html_(self) -> str:
        rows = [(key, value) for key, value in self.report.items() if not isinstance(value, dict | list)]
        return html_table(f"{self.model}: {', '.join(self.files)}", ("quantity", "value"), rows)


def evaluate(model: str, output: str | Path | None = None, report: Report = lambda _: None) -> Evaluation:
    """Evaluate the committed model ``model``: figures and JSON in ``output`` (default: build/MODEL).

    ``report`` gets the tables and lines that a user should see.

    Raises
    ------
    InputError
        If there is no such model, it offers no evaluation, or its data are missing.
    """
    from l1forge.emulator.atomic import atomic_files
    from l1forge.emulator.folders import build_folder
    from l1forge.models.registry import models

    found = models().get(model)
    if found is None or found.evaluate is None:
        known = [name for name, other in models().items() if other.evaluate is not None]
        raise InputError("has no evaluation", field="MODEL", value=model, remedy=f"one of {', '.join(known)}")
    target = Path(output) if output is not None else build_folder() / model
    with atomic_files(target) as folder:
        result = found.evaluate(folder, report)
        files = tuple(sorted(file.name for file in folder.iterdir()))
    return Evaluation(model, target, files, result)
