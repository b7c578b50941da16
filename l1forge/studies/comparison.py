"""Two rate studies side by side: what changed, and how sure that is where both saw the same crossings."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.rates.contributions import contributions
from l1forge.studies.html import html_table
from l1forge.studies.rates_crossings import FiredCrossings

if TYPE_CHECKING:
    from l1forge.studies.figures import Picture

FORMAT, VERSION = "l1forge-comparison", 1
FINOR = "FinOR"
HEADINGS = (
    "seed",
    "quantity",
    "A [kHz]",
    "B [kHz]",
    "B − A [kHz]",
    "error",
    "significance",
    "only A",
    "only B",
)
QUANTITIES = ("total", "pure")


@dataclass(frozen=True)
class Change:
    """A rate behind prescales in both studies, kHz.

    ``error`` of the difference ``b_khz - a_khz`` counts every crossing once with what it adds to the
    difference: a crossing that fires in both adds nothing. ``significance``: difference over error; None
    where no crossing differs. ``only_a``, ``only_b``: crossings that count in one study only (of
    those kept, if they were thinned).
    """

    seed: str
    quantity: str
    a_khz: float
    b_khz: float
    difference_khz: float
    error_khz: float
    significance: float | None
    only_a: int
    only_b: int


@dataclass(frozen=True)
class Comparison:
    """Two studies. ``changes``: the FinOR, then the seeds of both menus in the order of A.

    ``shared_files`` of ``files_a`` and ``files_b`` have the same content. ``halvings``: only one of
    2^halvings crossings was compared, the errors are scaled to all.
    """

    a: str
    b: str
    menu_a: str
    menu_b: str
    files_a: int
    files_b: int
    shared_files: int
    halvings: int
    changes: tuple[Change, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]

    def moved(self) -> list[Change]:
        """What changed, the most significant first, then the largest."""
        found = [change for change in self.changes if change.difference_khz or change.only_a or change.only_b]
        return sorted(found, key=lambda c: (-abs(c.significance or 0.0), -abs(c.difference_khz), c.seed))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON (docs/rates.md)."""
        return {"format": FORMAT, "version": VERSION} | asdict(self)

    def csv(self) -> str:
        """One row for each change."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Change.__dataclass_fields__)
        writer.writerows(asdict(change).values() for change in self.changes)
        return text.getvalue()

    def rows(self) -> list[tuple[str, ...]]:
        """Texts in the order of ``HEADINGS``, what moved most first."""
        return [row(change) for change in self.moved()]

    def plot(self) -> Picture:
        """Differences with their errors of what moved most."""
        from l1forge.studies.comparison_plot import draw_comparison

        return draw_comparison(self)

    def html(self) -> str:
        """The comparison as one HTML page."""
        from l1forge.studies.pages.comparison_page import comparison_page

        return comparison_page(self)

    def markdown(self) -> str:
        """The comparison as Markdown."""
        lines = [f"# {self.menu_a} (A) and {self.menu_b} (B)", "", self.said(), ""]
        lines += [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
        lines += [f"| {' | '.join(cells)} |" for cells in self.rows()]
        for where, names in (("A", self.only_in_a), ("B", self.only_in_b)):
            if names:
                lines += ["", f"Only in {where}: {', '.join(names)}"]
        return "\n".join(lines) + "\n"

    def said(self) -> str:
        """What the errors stand on, in a sentence."""
        if not self.shared_files:
            return "The studies share no file: their errors are independent."
        part = f"; one of {2**self.halvings} crossings was compared" if self.halvings else ""
        return (
            f"{self.shared_files} of {self.files_a} files of A are among the {self.files_b} of B:"
            f" crossings that fire in both add nothing to the errors{part}."
        )

    def _repr_html_(self) -> str:
        return html_table(f"{self.menu_a} and {self.menu_b}", HEADINGS, self.rows())


def row(change: Change) -> tuple[str, ...]:
    """A change as texts in the order of ``HEADINGS``."""
    sigma = "–" if change.significance is None else f"{change.significance:+.1f} σ"
    values = (change.a_khz, change.b_khz, change.difference_khz, change.error_khz)
    texts = [f"{value:.4g}" for value in values]
    return change.seed, change.quantity, *texts, sigma, str(change.only_a), str(change.only_b)


def is_study(name: str) -> bool:
    """Is it the folder of a rate study, or its rates.json?"""
    path = Path(name)
    return path.is_dir() or path.name == "rates.json"


def compare(a: str | Path, b: str | Path) -> Comparison:
    """Compare two studies that `l1forge rates MENU` wrote, seed by seed, by their rates behind prescales.

    Parameters
    ----------
    a, b
        Folders of studies (or their rates.json).

    Raises
    ------
    InputError
        If one is no such study, or has no crossings.parquet.
    """
    first, second = _Study.load(Path(a)), _Study.load(Path(b))
    level = max(first.crossings.halvings, second.crossings.halvings)
    pair = _Pair(first.crossings, second.crossings, level)
    names_b = set(second.rates)
    changes = list(pair.changes(FINOR, "total", first.finor, second.finor))
    for name, rates in first.rates.items():
        if name not in names_b:
            continue
        for quantity in QUANTITIES:
            if rates[quantity] is not None and second.rates[name][quantity] is not None:
                changes += pair.changes(name, quantity, rates[quantity], second.rates[name][quantity])
    files_a, files_b = set(first.crossings.files), set(second.crossings.files)
    return Comparison(
        str(a),
        str(b),
        first.menu,
        second.menu,
        len(files_a),
        len(files_b),
        len(files_a & files_b),
        level,
        tuple(changes),
        tuple(name for name in first.rates if name not in names_b),
        tuple(name for name in second.rates if name not in first.rates),
    )


@dataclass(frozen=True)
class _Study:
    menu: str
    rates: dict[str, dict[str, Any]]
    finor: float
    crossings: FiredCrossings

    @staticmethod
    def load(path: Path) -> _Study:
        file = path / "rates.json" if path.is_dir() else path
        try:
            document = parse_json(file.read_text(encoding="utf-8"))
            if document["format"] != "l1forge-rates":
                raise ValueError("not l1forge-rates")
            rates = {
                str(seed["name"]): {q: _khz(seed[f"{q}_after"]) for q in QUANTITIES}
                for seed in document["seeds"]
            }
            menu, finor = str(document["menu"]), float(document["finor_after"]["khz"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"is not a rate study of a menu: {error!r}", file=file, remedy="l1forge rates MENU writes one"
            ) from error
        crossings = file.with_name("crossings.parquet")
        if not crossings.is_file():
            remedy = "run l1forge rates again, without --no-details"
            raise InputError("is missing", file=crossings, remedy=remedy)
        return _Study(menu, rates, finor, FiredCrossings.load(crossings))


def _khz(rate: Any) -> float | None:
    return None if rate is None else float(rate["khz"])


class _Pair:
    """Crossings of both studies, each once, with what they add to every rate in either."""

    def __init__(self, a: FiredCrossings, b: FiredCrossings, halvings: int) -> None:
        self.scale = 2.0**halvings
        files = {name: place for place, name in enumerate(dict.fromkeys((*a.files, *b.files)))}
        keys, self._values = [], []
        for study in (a, b):
            keep = study.kept(halvings)
            number = np.array([files[name] for name in study.files], np.int64)
            keys.append(np.stack([number[study.file[keep]], study.row[keep]], axis=1))
            self._values.append(_adds(study, keep))
        _, where = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
        where = where.reshape(-1)
        self._places = (where[: len(keys[0])], where[len(keys[0]) :])
        self._count = int(where.max(initial=-1)) + 1

    def changes(self, name: str, quantity: str, a: float, b: float) -> Iterator[Change]:
        """The change of one rate."""
        added = np.zeros((2, self._count))
        for side in (0, 1):
            added[side, self._places[side]] = self._values[side][name, quantity]
        error = math.sqrt(self.scale * float(((added[1] - added[0]) ** 2).sum()))
        fires = added > 0
        yield Change(
            name,
            quantity,
            a,
            b,
            b - a,
            error,
            (b - a) / error if error else None,
            int((fires[0] & ~fires[1]).sum()),
            int((fires[1] & ~fires[0]).sum()),
        )


def _adds(study: FiredCrossings, keep: NDArray[np.bool_]) -> dict[tuple[str, str], NDArray[np.float64]]:
    """kHz that each kept crossing adds, by seed and quantity."""
    words, khz = study.words[:, keep], study.khz * study.weights[keep]
    total, pure, finor = contributions(words, study.indices, study.fires, study.finor, study.veto)
    found = {(FINOR, "total"): finor * khz}
    for place, name in enumerate(study.names):
        found[name, "total"] = total[place] * khz
        found[name, "pure"] = pure[place] * khz
    return found
