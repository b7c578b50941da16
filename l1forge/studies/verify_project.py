"""Everything that a project declares, verified: models' firmware, the menu and its thresholds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import PROJECT_FILE
from l1forge.emulator.menu.checks.check import INCOMPLETE, MATCH, MISMATCH, PASS, CheckResult
from l1forge.models.project import Project, project
from l1forge.screen.ci import Check
from l1forge.studies.html import html_table

RECORD = ".thresholds.json"
"""Suffix of the record beside a menu: what `l1forge menu add` measured for the seeds that it wrote."""
MOST_IN_GHDL = 2_000
"""Crossings of an export: GHDL simulates a few hundred in a second."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class ProjectVerification:
    """The checks of a project in order."""

    project: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether there are checks and all of them passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "project": self.project,
            "passed": self.passed,
            "checks": [asdict(check) for check in self.checks],
        }

    def _repr_html_(self) -> str:
        rows = [(c.kind, c.name, "passed" if c.passed else "failed", c.verdict) for c in self.checks]
        return html_table(f"{self.project}: verification", ("check", "of", "result", "verdict"), rows)


def verify_project(
    found: Project | None = None, *, n: int | None = None, seed: int = 1, progress: Say = lambda _: None
) -> ProjectVerification:
    """Run every check that a project declares; one that fails does not stop the others.

    Parameters
    ----------
    found
        The project; None: that of the current folder.
    n, seed
        Crossings of each co-verification (None: ``verify.crossings``), and the seed of the random ones.
    progress
        Called with the name of each check before it runs.

    Raises
    ------
    InputError
        If there is no project, or it declares nothing to verify.
    """
    found = found or project()
    if found is None:
        raise InputError(
            "there is no project here: no l1forge.toml in this folder or above",
            file=Path.cwd() / PROJECT_FILE,
            remedy="change into a project, or make one: l1forge new NAME",
        )
    checks = []
    for kind, name, file, run in _declared(found, n or found.crossings, seed):
        progress(f"{kind} {name}")
        started = time.perf_counter()
        try:
            passed, verdict = run()
        except InputError as error:
            passed, verdict = False, str(error)
        checks.append(Check(kind, name, passed, verdict, time.perf_counter() - started, str(file)))
    if not checks:
        raise InputError("declares nothing to verify", file=found.file, remedy="name a model or a menu")
    return ProjectVerification(found.name, tuple(checks))


Run = Callable[[], tuple[bool, str]]


def _declared(found: Project, n: int, seed: int) -> Iterator[tuple[str, str, Path, Run]]:
    """Kind, name, file and action of every check."""
    from l1forge.models import GRAPH

    for name in found.verify_models:
        graph = found.models[name] / GRAPH
        yield "cosim", name, graph, lambda name=name: _cosim(name, n, found, seed)  # type: ignore[misc]
    if found.menu is not None:
        menu = found.menu
        yield "menu", menu.name, menu, lambda: _menu(menu)
        if record_of(menu).exists():
            yield "thresholds", menu.name, menu, lambda: _thresholds(menu)
        for vectors in found.vectors:
            yield "vectors", vectors.name, vectors, lambda vectors=vectors: _vectors(menu, vectors)  # type: ignore[misc]
    for folder in found.exports:
        yield "export", folder.name, folder, lambda folder=folder: _export(folder, found, n, seed)  # type: ignore[misc]


def _cosim(name: str, n: int, found: Project, seed: int) -> tuple[bool, str]:
    from l1forge.studies.cosim import verify

    proof = verify(name, n, seed=seed)
    return proof.passed, " ".join([proof.verdict, *map(str, proof.report.examples[:1])])


def _menu(menu: Path) -> tuple[bool, str]:
    """The menu compiles, and each of its scores comes from a model with the declared type."""
    from l1forge.emulator.menu.language.load import load_menu
    from l1forge.studies.path_inputs import graph_files, score_stages

    compiled = load_menu(menu)
    used = sorted({score.partition(".")[0] for score in compiled.scores})
    score_stages(compiled.scores, graph_files([], used, compiled.score_graphs), compiled.score_types)
    return True, f"{len(compiled.algorithms)} seeds; models: {', '.join(used) or 'none'}"


def _export(folder: Path, found: Project, n: int, seed: int) -> tuple[bool, str]:
    """An export computes the model's score; for the global trigger, it has the menu's threshold."""
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.cmssw import CmsswProject
    from l1forge.firmware.ugt import UgtProject
    from l1forge.studies.export_cmssw import check_cmssw
    from l1forge.studies.export_ugt import check_ugt, threshold_of

    if (folder / CmsswProject.MANIFEST).exists():
        package = CmsswProject.load(folder)
        proof = check_cmssw(package, _graph_of(package.model, folder, found), n, seed=seed)
        return proof.passed, proof.verdict
    project = UgtProject.load(folder)
    file = _graph_of(project.name, folder, found)
    compared = check_ugt(project, file, min(n, MOST_IN_GHDL), seed=seed)
    if compared.passed and found.menu is not None:
        threshold = threshold_of(found.menu, Graph.load(file), project.score)
        if threshold != project.threshold:
            return False, f"{folder}: its threshold is {project.threshold}, the menu has {threshold}"
    return compared.passed, compared.verdict


def _graph_of(name: str, folder: Path, found: Project) -> Path:
    """The graph of the project's model that an export names."""
    from l1forge.models import GRAPH

    if name not in found.models:
        raise InputError(
            "is not a model of the project",
            file=folder,
            value=name,
            remedy=f"models: {', '.join(found.models)}",
        )
    return found.models[name] / GRAPH


def record_of(menu: Path) -> Path:
    """The record of measured thresholds beside a menu."""
    return menu.with_name(menu.name + RECORD)


def read_record(menu: Path) -> dict[str, dict[str, Any]]:
    """What was measured for the seeds of a menu, by name; empty if there is no record.

    Raises
    ------
    InputError
        If the file beside the menu is not such a record.
    """
    file = record_of(menu)
    if not file.exists():
        return {}
    try:
        recorded = json.loads(file.read_text(encoding="utf-8"))
        rows = {name: {**row, "seed": str(row["seed"])} for name, row in recorded.items()}
        rows = {name: {**row, "rate_khz": float(row["rate_khz"])} for name, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"is not a record of thresholds: {error!r}",
            file=file,
            remedy="take it away, and write it again: l1forge menu add",
        ) from error
    return rows


def _thresholds(menu: Path) -> tuple[bool, str]:
    """Each recorded seed stands in the menu as it was measured."""
    from l1forge.emulator.menu.language.load import load_menu

    record = record_of(menu)
    expected = {name: (row["seed"], row["rate_khz"]) for name, row in read_record(menu).items()}
    seeds = {algorithm.name: algorithm.grammar for algorithm in load_menu(menu).algorithms}
    for name, (seed, rate) in expected.items():
        if name not in seeds:
            return False, f"{menu}: {name} is missing; {record.name} has it as {seed}"
        if seeds[name] != seed:
            return False, (
                f"{menu}: {name} is {seeds[name]}, but {seed} was measured at {rate:.3g} kHz ({record.name});"
                " run l1forge menu add again"
            )
    return True, f"{len(expected)} seeds as measured"


def _vectors(menu: Path, vectors: Path) -> tuple[bool, str]:
    from l1forge.studies.menu import check_menu

    (result,) = check_menu(menu, [vectors]).results
    check = vector_check(result)
    return check.passed, check.verdict


def vector_check(result: CheckResult, accept_unevaluated: bool = False) -> Check:
    """One comparison of a menu with test vectors as a check; an incomplete one fails unless accepted."""
    differing = [item.name for item in result.algorithms if item.status == MISMATCH]
    passed = result.verdict == PASS or (accept_unevaluated and result.verdict == INCOMPLETE)
    matching = (
        f"{result.count(MATCH)} of {len(result.algorithms)} seeds match in {result.crossings} crossings"
    )
    verdict = f"{result.verdict}: {matching}" + (f"; differ: {', '.join(differing[:5])}" if differing else "")
    return Check("vectors", Path(result.vectors).name, passed, verdict, file=str(result.vectors))
