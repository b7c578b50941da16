"""Float ensembles as JSON text: a trained artefact that needs no pickle and no training library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters.document import entry, read_json
from l1forge.firmware.bdt.ensemble import Ensemble, Tree

FORMAT = "l1forge-ensemble"
VERSION = 1
ARRAYS = ("feature", "threshold", "left", "right", "value", "missing_left")
SCALARS = ("split", "library", "link", "divisor", "feature_dtype", "sum_dtype", "meta")


def save(ensemble: Ensemble, path: str | Path) -> None:
    """Write the ensemble, one tree a line; doubles are written so that they read back exactly."""
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    head |= {name: getattr(ensemble, name) for name in SCALARS}
    head |= {"missing": None if ensemble.missing != ensemble.missing else ensemble.missing}
    head |= {name: list(getattr(ensemble, name)) for name in ("base", "feature_names", "tree_class")}
    trees = [json.dumps({key: getattr(tree, key).tolist() for key in ARRAYS}) for tree in ensemble.trees]
    body = ",\n  ".join(trees)
    write_text(path, json.dumps(head)[:-1] + ',\n "trees": [\n  ' + body + "\n ]}\n")


def load(path: str | Path) -> Ensemble:
    """Read an ensemble written by ``save``.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another version.
    """
    return from_document(read_json(Path(path)), str(path))


def from_document(document: dict[str, Any], file: str | None) -> Ensemble:
    """The ensemble of a parsed file; errors as in ``load``."""
    if (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise InputError(
            "is not an ensemble of this version", file=file, field="format", remedy="train again"
        )
    trees = [
        Tree.from_arrays(*(entry(t, key, file) for key in ARRAYS)) for t in entry(document, "trees", file)
    ]
    missing = entry(document, "missing", file)
    return Ensemble(
        trees=tuple(trees),
        tree_class=tuple(entry(document, "tree_class", file)),
        base=tuple(entry(document, "base", file)),
        feature_names=tuple(entry(document, "feature_names", file)),
        missing=float("nan") if missing is None else float(missing),
        **{name: entry(document, name, file) for name in SCALARS},
    )
