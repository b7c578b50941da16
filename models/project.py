"""A user's own project: the file ``l1forge.toml`` at its root names its models, its menu and its samples.

Every command that takes a model of this repository takes one of the project equally: the file is looked for
in the current folder and in those above it, or is named by ``$L1FORGE_PROJECT``. Folders of models have the
layout of this package: ``models/NAME/graph.json`` is the graph, ``models/NAME/offers.py`` (optional) declares
how it is trained, evaluated and written as an HLS project (``models/registry.py``).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import project_file
from l1forge.emulator.trust import distrusted
from l1forge.models import GRAPH

OFFERS = "offers.py"
KEYS = {
    "project": {
        "name": str,
        "models": str,
        "menu": str,
        "zero_bias": str,
        "signals": list,
        "period_ns": float,
    },
    "verify": {"models": list, "crossings": int, "vectors": list, "exports": list},
}
"""Tables and keys of the file with their types; an integer is good for a float."""


@dataclass(frozen=True)
class Project:
    """What ``l1forge.toml`` declares; paths are relative to its folder, and None or empty where not given.

    Parameters
    ----------
    file
        The file itself.
    models
        Folder of every model by name: the subfolders of ``project.models`` with a graph or declaration.
    menu, zero_bias, signals
        Menu and event files that commands use by default.
    period_ns
        Clock period of the models' Verilog in ns; None: that of 240 MHz.
    verify_models, crossings, vectors, exports
        What ``l1forge verify`` compares: models (default: all), crossings of each, test vectors of the menu,
        folders of exported packages.
    """

    file: Path
    name: str
    models: dict[str, Path]
    menu: Path | None
    zero_bias: Path | None
    signals: tuple[Path, ...]
    period_ns: float | None
    verify_models: tuple[str, ...]
    crossings: int
    vectors: tuple[Path, ...]
    exports: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """The project's root."""
        return self.file.parent


def project() -> Project | None:
    """The project that the current folder lies in, or None.

    Raises
    ------
    InputError
        If its file is not as ``KEYS`` says or names what does not exist, or other users may write there.
    """
    file = project_file()
    return None if file is None else _read(file)


@cache
def _read(file: Path) -> Project:
    """Read and check a project file."""
    if reason := distrusted(file.parent):
        raise InputError(
            f"the code of this project is not run: {reason}",
            file=file,
            remedy="take write permission from other users (chmod go-w), or work on a copy",
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not TOML: {error}", file=file, remedy="see docs/projects.md") from None
    _check(file, content)
    own, verify = content["project"], content.get("verify", {})
    root = file.parent
    folder = _existing(file, "project.models", own["models"]) if "models" in own else root / "models"
    models = {
        path.name: path
        for path in sorted(folder.iterdir() if folder.is_dir() else ())
        if (path / GRAPH).is_file() or (path / OFFERS).is_file()
    }
    for name in verify.get("models", ()):
        if name not in models:
            raise InputError(
                "is not a model of the project",
                file=file,
                field="verify.models",
                value=name,
                remedy=f"models in {folder}: {', '.join(models) or 'none'}",
            )
    period = own.get("period_ns")
    if period is not None and not 0.1 <= period <= 1000:
        raise InputError("is not a clock period in ns", file=file, field="project.period_ns", value=period)
    crossings = verify.get("crossings", 20_000)
    if crossings < 1:
        raise InputError("is not a number of crossings", file=file, field="verify.crossings", value=crossings)
    return Project(
        file,
        own["name"],
        models,
        _existing(file, "project.menu", own["menu"]) if "menu" in own else None,
        _existing(file, "project.zero_bias", own["zero_bias"]) if "zero_bias" in own else None,
        tuple(_existing(file, "project.signals", name) for name in own.get("signals", ())),
        period,
        tuple(verify.get("models", models)),
        crossings,
        tuple(_existing(file, "verify.vectors", name) for name in verify.get("vectors", ())),
        tuple(root / name for name in verify.get("exports", ())),
    )


def _check(file: Path, content: dict[str, Any]) -> None:
    """Demand the tables and keys of ``KEYS`` with values of their types, lists of texts, and a name."""
    for table, keys in content.items():
        if table not in KEYS:
            raise InputError(
                "is not a table of this file", file=file, field=table, remedy=f"tables: {[*KEYS]}"
            )
        if not isinstance(keys, dict):
            raise InputError("a table is expected", file=file, field=table, remedy=f"write [{table}]")
        for key, value in keys.items():
            kind = KEYS[table].get(key)
            if kind is None:
                known = ", ".join(KEYS[table])
                raise InputError("is not a key", file=file, field=f"{table}.{key}", remedy=f"keys: {known}")
            good = isinstance(value, kind) or (kind is float and isinstance(value, int))
            if kind is list:
                good = good and all(isinstance(item, str) for item in value)
            if not good or isinstance(value, bool):
                wanted = {str: "text", list: "a list of texts", int: "an integer", float: "a number"}[kind]
                raise InputError(f"{wanted} is expected", file=file, field=f"{table}.{key}", value=value)
    if not content.get("project", {}).get("name"):
        raise InputError(
            "the project has no name", file=file, field="project.name", remedy='name = "my_trigger"'
        )


def _existing(file: Path, field: str, name: str) -> Path:
    """A path of the project that must exist; relative names are meant from its root."""
    path = file.parent / name
    if not path.exists():
        raise InputError("does not exist", file=file, field=field, value=name, remedy="name an existing file")
    return path
