"""Scores that were computed elsewhere, matched to the names that a menu uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    from l1forge.emulator.menu.compiled import CompiledMenu
    from l1forge.emulator.scoring.files import ScoreFile


def menu_scores(path: Path, menu: CompiledMenu, left_out: Iterable[str] = ()) -> dict[str, Any]:
    """Raw scores of a file by the menu's names, (n,) or (objects, n), of the types that the menu declares.

    A column has the menu's name of a score (``vae``, ``muon_pt.pt``), or that of an output of the model whose
    scores ``l1forge emulate`` wrote. ``left_out``: models whose seeds are not evaluated.

    Raises
    ------
    InputError
        If the file cannot be read, or a column is no score of the menu or has another type than declared.
    """
    from l1forge.emulator.graph.fixed import FixedType
    from l1forge.emulator.path.scorers import check_score_type
    from l1forge.emulator.scoring.files import read_scores

    file = read_scores(path)
    skipped = set(left_out)
    wanted = [score for score in menu.scores if score.partition(".")[0] not in skipped]
    names = {column: _name(column, file, wanted) for column in file.arrays}
    unknown = [column for column, name in names.items() if name is None]
    if unknown or not names:
        raise InputError(
            "the menu has no such score",
            file=path,
            field="scores",
            value=", ".join(unknown) or "no columns",
            remedy=f"it uses {', '.join(wanted) or 'none'}; leave other columns out (emulate --score)",
        )
    found: dict[str, Any] = {}
    for column, name in names.items():
        if name is None:
            continue
        if name in found:
            raise InputError("two columns give one score", file=path, field=column, value=name)
        if name in menu.score_types and column in file.types:
            declared, given = menu.score_types[name], FixedType.parse(file.types[column])
            check_score_type(name, declared, given, path, column)
        found[name] = file.arrays[column]
    _check_range(found, menu.score_types, path)
    return found


def _name(column: str, file: ScoreFile, wanted: Iterable[str]) -> str | None:
    """The menu's name of a column; None if it has none."""
    candidates = [column]
    if file.model:
        candidates.append(f"{file.model}.{column}")
    if file.model and column == file.first:
        candidates.append(file.model)
    return next((name for name in candidates if name in wanted), None)


def _check_range(scores: Mapping[str, Any], declared: Mapping[str, str], path: Path) -> None:
    """Demand integers that the declared types can hold: files of other programs tell no types."""
    from l1forge.emulator.graph.fixed import FixedType

    for name, values in scores.items():
        if name not in declared or not values.size:
            continue
        type_ = FixedType.parse(declared[name])
        low, high = int(values.min()), int(values.max())
        if low < type_.minimum or high > type_.maximum:
            raise InputError(
                f"is not a raw integer of {type_}, which the menu declares",
                file=path,
                field=name,
                value=low if low < type_.minimum else high,
                remedy=f"{type_.minimum} .. {type_.maximum}",
            )
