"""A seed on a model's score for a YAML menu: its type, and the threshold that gives a wanted rate."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.menu.excluded import without
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.rates.intervals import fraction, full_rate_khz, threshold_for_rate
from l1forge.studies.defaults import ZERO_BIAS, default_zero_bias
from l1forge.studies.path_inputs import evaluable, graph_files, score_stages, trained_part
from l1forge.studies.rates import check_score
from l1forge.studies.verify_project import read_record, record_of

NO_SCORE = np.iinfo(np.int64).min
"""Score of crossings that other seeds take: below every threshold."""
Seen = Callable[[int], None]


@dataclass(frozen=True)
class AddedSeed:
    """A seed that was written, and what its threshold gives on zero bias.

    ``rate_khz`` with its central 68.3 % interval is the total rate, or the pure one (``pure``): crossings
    that no other seed of the menu takes. ``replaced``: the seed that stood there before; None if it is new.
    ``not_evaluated``: seeds that could not be evaluated and do not enter the pure rate.
    """

    menu: str
    name: str
    index: int
    seed: str
    score: str
    type: str
    threshold: int
    rate_khz: float
    rate_low_khz: float
    rate_high_khz: float
    pure: bool
    crossings: int
    replaced: str | None
    not_evaluated: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"not_evaluated": list(self.not_evaluated)}


def add_seed(
    menu: str | Path,
    score: str,
    rate_khz: float,
    *,
    zero_bias: str | Path | None = None,
    pure: bool = False,
    name: str | None = None,
    models: Sequence[str] = (),
    trained_on: bool = False,
    output: str | Path | None = None,
    seen: Seen = lambda _: None,
) -> AddedSeed:
    """Add a seed on a model's score to a YAML menu, or move the threshold of the one that it has.

    Comments and layout of the file stay as they are.

    Parameters
    ----------
    menu
        YAML menu.
    score
        Model, or ``model.output``; its graph is that of this name, or of ``models`` (``name=graph.json``).
    rate_khz
        Largest rate of the seed, as ``pure`` says.
    zero_bias
        Zero-bias events; None: the project's, or the committed sample without the part that trained models.
    pure
        Whether ``rate_khz`` is the rate of crossings that no other seed takes.
    name
        Name of the seed; None: ``L1_`` and the score's name.
    trained_on
        Also use the crossings of the committed sample on which the shipped models were trained.
    output
        File to write; None: ``menu`` itself.
    seen
        Called with the number of crossings evaluated since.

    Raises
    ------
    InputError
        If the menu is not YAML, declares the score with another type, or has another seed of that name.
    """
    path = Path(menu)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise InputError("is not a YAML menu", file=path, remedy="official XML menus are not changed")
    if not 0 < rate_khz < math.inf:
        raise InputError("is not a rate in kHz", field="--rate", value=rate_khz, remedy="such as 1kHz")
    compiled = load_menu(path)
    model, _, wanted = score.partition(".")
    own = [text for text in models if text.startswith(f"{model}=")]
    graph = Graph.load(graph_files(own, [model], compiled.score_graphs)[model])
    result = check_score(graph, wanted or None)
    kind = str(graph[result].type)
    seed_name = name or "L1_" + re.sub(r"\W", "_", score)
    declared = compiled.score_types.get(score)
    if declared is not None and not _same(declared, kind):
        raise InputError(
            f"the menu declares this score as {declared}, but the model has {kind}",
            file=path,
            field=f"scores.{score}",
            remedy="change the declaration, and the thresholds of seeds that use it",
        )
    same = {algorithm.index: "is tuned" for algorithm in compiled.algorithms if algorithm.name == seed_name}
    others = without(compiled, same)[0] if pure and len(same) < len(compiled.algorithms) else None
    source = open_events(zero_bias or default_zero_bias())
    if not trained_on:
        source = trained_part(source, ZERO_BIAS)
    values, excluded = _scores(graph, result, source, others, models, seen)
    threshold = int(threshold_for_rate(values, rate_khz))
    if threshold <= NO_SCORE:  # every crossing without another seed may pass
        threshold = graph[result].type.minimum
    if threshold > graph[result].type.maximum:
        largest = fraction(int((values >= threshold - 1).sum()), len(values)).scaled(full_rate_khz())[0]
        raise InputError(
            f"the score saturates: {largest:.3g} kHz of zero bias have its largest value, {threshold - 1}",
            file=graph.file,
            field="--rate",
            value=rate_khz,
            remedy=f"give the score a wider type than {kind}, or a rate above {largest:.3g} kHz",
        )
    found = fraction(int((values >= threshold).sum()), len(values)).scaled(full_rate_khz())
    target = Path(output) if output is not None else path
    edit = _Edit(path, score)
    if declared is None:
        edit.declare(kind)
    index, text, replaced = edit.seed(seed_name, threshold, graph[result].type.lsb)
    content = edit.text()
    with TemporaryDirectory() as folder:  # a menu that does not compile is not written
        copy = Path(folder, path.name)
        copy.write_text(content, encoding="utf-8")
        load_menu(copy)
    known = read_record(target)  # one that cannot be read is refused before anything is written
    write_text(target, content)
    added = AddedSeed(
        str(target), seed_name, index, text, score, kind, threshold, *found, pure, len(values), replaced,
        excluded,
    )  # fmt: skip
    _record(target, known, added)
    return added


def _record(menu: Path, known: dict[str, dict[str, Any]], added: AddedSeed) -> None:
    """Keep what was measured beside the menu: `l1forge verify` compares the menu with it."""
    row = {key: value for key, value in added.to_dict().items() if key != "replaced"}
    write_text(record_of(menu), json.dumps(known | {added.name: row}, indent=1) + "\n")


def _same(declared: str, found: str) -> bool:
    from l1forge.emulator.graph.fixed import FixedType

    one, other = FixedType.parse(declared), FixedType.parse(found)
    return (one.signed, one.width, one.integer) == (other.signed, other.width, other.integer)


def _scores(
    graph: Graph,
    output: str,
    source: EventSource,
    others: CompiledMenu | None,
    models: Sequence[str],
    seen: Seen,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Scores of all crossings, ``NO_SCORE`` where ``others`` fires; seeds that were not evaluated."""
    kernel = compile_graph(graph, [output])
    columns, stages, excluded = set(kernel.columns), list[Any](), tuple[str, ...]()
    evaluator = None
    if others is not None:
        menu, left_out = evaluable(others, source.columns, ())
        excluded = tuple(seed.name for seed in left_out)
        used = sorted({score.partition(".")[0] for score in menu.scores})
        files = graph_files(
            [text for text in models if text.partition("=")[0] in used], used, menu.score_graphs
        )
        stages = score_stages(menu.scores, files, menu.score_types)
        evaluator = MenuEvaluator(menu)
        columns |= set(evaluator.plan.columns).union(*(stage.columns for stage in stages))
    parts = []
    for events in source.blocks(sorted(columns)):
        values = kernel.run(events, 1)[output].reshape(-1).astype(np.int64)
        if evaluator is not None:
            given: dict[str, Any] = {}
            for stage in stages:
                given |= stage(events)
            values[evaluator(events, given).any(axis=0)] = NO_SCORE
        parts.append(values)
        seen(events.n)
    if not sum(map(len, parts)):
        raise InputError("holds no crossing", file=source.path, remedy="give zero-bias events")
    return np.concatenate(parts), excluded


class _Edit:
    """A YAML menu whose comments and layout stay while entries are added or changed."""

    def __init__(self, path: Path, score: str) -> None:
        from ruamel.yaml import YAML

        self.path, self.score = path, score
        self.yaml = YAML()
        self.yaml.preserve_quotes = True
        self.yaml.width = 1_000_000
        self.yaml.indent(mapping=2, sequence=4, offset=2)
        self.document: Any = self.yaml.load(path.read_text(encoding="utf-8"))

    def text(self) -> str:
        """The file's new content."""
        written = io.StringIO()
        self.yaml.dump(self.document, written)
        return written.getvalue()

    def declare(self, kind: str) -> None:
        """Declare the score's type."""
        self.document.setdefault("scores", _mapping())[self.score] = _mapping(type=kind)

    def seed(self, name: str, threshold: int, lsb: float) -> tuple[int, str, str | None]:
        """Change or append the seed ``score >= threshold``; its bit, its text, and the text before."""
        from ruamel.yaml.scalarstring import DoubleQuotedScalarString

        physical = self.document["scores"][self.score].get("physical", False)
        text = f"SCORE({self.score}) >= {float(threshold * lsb) if physical else threshold}"
        number = -1
        for item in self.document["algorithms"]:
            number = int(item.get("index", number + 1))
            if item["name"] != name:
                continue
            before = str(item["seed"])
            score = re.escape(self.score)
            if not re.fullmatch(rf"\s*(SCORE\(\s*{score}\s*\)|{score})\s*>=\s*[\d.]+\s*", before):
                raise InputError(
                    f"the menu has another seed of this name: {before}",
                    file=self.path,
                    field="--name",
                    value=name,
                    remedy="choose another name",
                )
            item["seed"] = DoubleQuotedScalarString(text)
            return number, text, before
        self.document["algorithms"].append(_mapping(name=name, seed=text))
        return number + 1, text, None


def _mapping(**entries: str) -> Any:
    """``{key: "value"}`` in one line."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    made = CommentedMap({key: DoubleQuotedScalarString(value) for key, value in entries.items()})
    if entries:
        made.fa.set_flow_style()
    return made
