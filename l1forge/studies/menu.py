"""A trigger menu against test vectors, and menus compiled to hardware integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.checks.check import FAIL, INCOMPLETE, MATCH, PASS, CheckResult, read_orbit
from l1forge.emulator.menu.checks.check import check_menu as compare
from l1forge.emulator.menu.compiled import CompiledMenu, Judge, Known, OverlapRule
from l1forge.emulator.menu.language.load import DEFAULT, KNOWN_VECTORS
from l1forge.emulator.menu.language.load import load_menu as read_menu
from l1forge.emulator.menu.language.yaml_menu import read_known
from l1forge.emulator.menu.language.yaml_tree import read_yaml
from l1forge.screen.outputs import check_outputs
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.path_inputs import graph_files, score_stages
from l1forge.studies.score_files import menu_scores


@dataclass(frozen=True)
class MenuCheck:
    """One comparison for every test-vector file; tolerance zero.

    ``results[i].algorithms`` has expected and own counts, differences and status of every algorithm.
    """

    results: tuple[CheckResult, ...]

    @property
    def verdict(self) -> str:
        """FAIL if any file fails, else INCOMPLETE if any is, else PASS."""
        verdicts = {result.verdict for result in self.results}
        return FAIL if FAIL in verdicts else INCOMPLETE if INCOMPLETE in verdicts else PASS

    @property
    def passed(self) -> bool:
        """Everything was compared, and every disagreement of an algorithm is documented."""
        return self.verdict == PASS

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the verdict, and the table of every file."""
        return {"verdict": self.verdict, "files": [result.to_dict() for result in self.results]}

    def plot(self) -> Picture:
        """Own counts against expected counts, one point per algorithm; disagreements are marked."""
        figure = Picture(figsize=(5.5, 5), layout="constrained")
        axis = figure.subplots()
        rows = [item for result in self.results for item in result.algorithms]
        for agree, label, marker in ((True, MATCH, "o"), (False, "differs", "x")):
            chosen = [item for item in rows if (item.differences == 0) == agree]
            points = [(item.expected, item.ours) for item in chosen]
            if points:
                axis.plot(*zip(*points, strict=True), marker, label=f"{label} ({len(points)})")
        largest = max((max(item.expected, item.ours) for item in rows), default=1)
        axis.plot([0, largest], [0, largest], linewidth=0.8, color="grey")
        axis.set(
            xlabel="crossings in the test vector", ylabel="crossings of the emulator", title=self.verdict
        )
        axis.legend()
        return figure

    def _repr_html_(self) -> str:
        headings = ("bit", "algorithm", "expected", "ours", "differences", "status")
        text = f"<p>{self.verdict}</p>"
        for result in self.results:
            rows = [
                (item.index, item.name, item.expected, item.ours, item.differences, item.status)
                for item in result.algorithms
                if item.status != MATCH
            ]
            matching = f"{result.count(MATCH)} of {len(result.algorithms)} algorithms match"
            text += html_table(f"{result.menu}, {Path(result.vectors).name}: {matching}", headings, rows)
        return text


def load_menu(
    menu: str | Path | None = None, judge: Judge | None = None, overlap: OverlapRule | None = None
) -> CompiledMenu:
    """Load a trigger menu and compile it to hardware integers.

    Parameters
    ----------
    menu
        YAML, official XML or compiled JSON; None: the default menu of the package.
    judge
        Whose behaviour counts where software emulator and firmware differ, ``"emulator"`` or ``"firmware"``;
        None: as the menu says.
    overlap
        How overlap removal decides, ``"any_free"`` or ``"none_overlaps"`` (docs/menu.md); None: as the menu
        says.

    Raises
    ------
    InputError
        If the file cannot be used; names file, line and column.

    Examples
    --------
    >>> import l1forge
    >>> menu = l1forge.load_menu()
    >>> len(menu.algorithms), menu.scores
    (58, ('event_bdt', 'muon_pt.pt', 'tail_pairs', 'vae'))
    """
    return read_menu(DEFAULT if menu is None else menu, judge, overlap)


def check_menu(
    menu: str | Path | CompiledMenu,
    vectors: str | Path | Sequence[str | Path],
    *,
    allow: str | Path | None = None,
    scores: str | Path | None = None,
    models: Sequence[str] = (),
    judge: Judge | None = None,
    overlap: OverlapRule | None = None,
    strict: bool = False,
) -> MenuCheck:
    """Compare a menu's decisions with test vectors, bit by bit.

    Parameters
    ----------
    menu
        Menu file (YAML, official XML, compiled JSON) or a loaded menu.
    vectors
        Test-vector file, or several.
    allow
        YAML list of documented disagreements, in addition to those of the menu.
    scores
        Raw model scores, .parquet or .npz, one row per crossing of the one test-vector file.
    models
        ``name=graph.json`` for each model whose scores are computed from the test vectors, in addition to
        those that the menu binds.
    judge, overlap
        Rules that replace the menu's, as of ``load_menu``.
    strict
        Ignore the list of official test vectors that are known to be wrong.

    Raises
    ------
    InputError
        If a file cannot be used, or scores come with several test vectors.

    Examples
    --------
    >>> import l1forge
    >>> vectors = l1forge.convert(l1forge.sample("ttbar"), "vectors.txt", limit=3564)
    >>> run = l1forge.run_path("vectors.txt", orbits=1, output="ours.txt")
    >>> check = l1forge.check_menu(l1forge.load_menu(), "ours.txt")
    >>> check.verdict  # the default menu uses models, and no scores were given
    'INCOMPLETE'
    """
    files = [Path(vectors)] if isinstance(vectors, str | Path) else [Path(path) for path in vectors]
    compiled = menu if isinstance(menu, CompiledMenu) else read_menu(menu)
    rules = {"judge": judge, "overlap": overlap}
    compiled = compiled.model_copy(update={key: rule for key, rule in rules.items() if rule is not None})
    known: tuple[Known, ...] = () if strict else read_known(read_yaml(KNOWN_VECTORS))
    if allow:
        known += read_known(read_yaml(Path(allow)))
    if scores and len(files) > 1:
        raise InputError(
            "can be used with one test-vector file only",
            file=scores,
            field="--scores",
            remedy="check the files one by one",
        )
    values = menu_scores(Path(scores), compiled) if scores else {}
    results = []
    for path in files:
        computed = {} if scores else _computed(compiled, path, models)
        results.append(compare(compiled, path, known, values | computed))
    return MenuCheck(tuple(results))


def _computed(menu: CompiledMenu, vectors: Path, models: Sequence[str]) -> dict[str, Any]:
    """Scores of the models that the menu binds or ``models`` gives, on the crossings of a test vector."""
    named = {*menu.score_graphs, *(text.partition("=")[0] for text in models)}
    wanted = tuple(score for score in menu.scores if score.partition(".")[0] in named)
    if not wanted and not models:
        return {}
    used = sorted({score.partition(".")[0] for score in wanted})
    stages = score_stages(wanted, graph_files(list(models), used, menu.score_graphs), menu.score_types)
    events, found = read_orbit(vectors), dict[str, Any]()
    for stage in stages:
        found |= stage(events)
    return found


@dataclass(frozen=True)
class CompiledFile:
    """A menu as hardware integers, and where it was written."""

    menu: CompiledMenu
    output: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: numbers of algorithms and conditions, and the file."""
        counts = {"algorithms": len(self.menu.algorithms), "conditions": len(self.menu.conditions)}
        return counts | {"output": str(self.output)}


def compile_menu(
    menu: str | Path | CompiledMenu,
    output: str | Path,
    judge: Judge | None = None,
    overlap: OverlapRule | None = None,
) -> CompiledFile:
    """Compile a menu to hardware integers and write them as JSON (docs/menu.md).

    Raises
    ------
    InputError
        If the menu cannot be used or the file cannot be written.
    """
    target = Path(output)
    check_outputs(target, inputs=[] if isinstance(menu, CompiledMenu) else [Path(menu)])
    compiled = menu if isinstance(menu, CompiledMenu) else read_menu(menu, judge, overlap)
    compiled.save(target)
    return CompiledFile(compiled, target)
