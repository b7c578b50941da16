"""A search for small, good models: LUT of the traced circuit, loss on validation data, latency as a limit.

Optuna's multi-objective TPE proposes settings; every trial trains (or narrows) a graph, the clocks are those
of the RTL generator's own schedule. Trials are kept in a journal in the output folder: an interrupted search
goes on where it stopped, and gives what an uninterrupted one would have given.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.rates.intervals import threshold_for_rate
from l1forge.studies.optimise_subject import Settings, Subject, subject_of
from l1forge.studies.sources import feed_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from optuna.study import Study
    from optuna.trial import FrozenTrial

JOURNAL, RESULT, PLOT, GRAPHS = "trials.log", "optimise.json", "pareto.png", "graphs"
LATENCY_NS = 25.0
HEADINGS = ("trial", "LUT", "latency", "loss", "settings")


@dataclass(frozen=True)
class Goal:
    """What a trial is judged by.

    ``rate`` in kHz turns the loss into 1 - mean efficiency of ``signals`` at this total rate of zero bias.
    """

    data: tuple[Path, ...]
    validation: tuple[Path, ...] = ()
    signals: tuple[tuple[str, Path], ...] = ()
    rate: float | None = None
    latency_ns: float = LATENCY_NS
    lut: int | None = None
    seeds: int = 1

    @property
    def judged(self) -> tuple[Path, ...]:
        return self.validation or self.data


@dataclass(frozen=True)
class Tried:
    """One trial; ``spread`` is the standard deviation of the loss over the seeds of training."""

    number: int
    settings: Settings
    lut: int
    latency_clocks: int
    latency_ns: float
    loss: float
    spread: float
    fits: bool
    efficiencies: dict[str, float] = field(default_factory=dict)
    graph: str = ""

    def row(self) -> tuple[str, ...]:
        """Texts in the order of ``HEADINGS``."""
        spread = f" ± {self.spread:.2g}" if self.spread else ""
        settings = ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.settings.items()
        )
        latency = f"{self.latency_clocks} clocks, {self.latency_ns:.1f} ns"
        return (str(self.number), f"{self.lut:,}", latency, f"{self.loss:.4g}{spread}", settings)


@dataclass(frozen=True)
class Optimised:
    """All trials of a search, in order."""

    name: str
    goal: Goal
    seed: int
    trials: tuple[Tried, ...]

    @property
    def front(self) -> list[Tried]:
        """Trials within the limits that no other one beats in both LUT and loss, by LUT."""
        best: list[Tried] = []
        for trial in sorted((t for t in self.trials if t.fits), key=lambda t: (t.lut, t.loss, t.number)):
            if not best or trial.loss < best[-1].loss:
                best.append(trial)
        return best

    @property
    def what(self) -> str:
        """What the loss is."""
        if self.goal.rate is None:
            return "loss on validation data"
        return f"1 - mean efficiency at {self.goal.rate:g} kHz"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        front = {trial.number for trial in self.front}
        return {
            "name": self.name,
            "seed": self.seed,
            "loss": self.what,
            "latency_ns": self.goal.latency_ns,
            "lut": self.goal.lut,
            "seeds": self.goal.seeds,
            "trials": [{**asdict(trial), "pareto": trial.number in front} for trial in self.trials],
        }

    def plot(self) -> Figure:
        """Loss against LUT; the front joined, what exceeds a limit grey."""
        from l1forge.studies.figures import Picture

        figure = Picture(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.add_subplot()
        for fits, label, color in ((True, "within the limits", "tab:blue"), (False, "beyond a limit", "0.7")):
            some = [trial for trial in self.trials if trial.fits is fits]
            spreads = [trial.spread for trial in some] if self.goal.seeds > 1 else None
            if some:
                lut, loss = [trial.lut for trial in some], [trial.loss for trial in some]
                axes.errorbar(lut, loss, yerr=spreads, fmt="o", ms=4, label=label, color=color)
        front = self.front
        axes.plot(
            [t.lut for t in front], [t.loss for t in front], "-", drawstyle="steps-post", color="tab:red",
            label="front",
        )  # fmt: skip
        axes.set_xlabel("LUT (estimate)")
        axes.set_ylabel(self.what)
        axes.set_title(f"{self.name}: {len(self.trials)} trials, latency ≤ {self.goal.latency_ns:g} ns")
        if self.trials:
            axes.legend()
        return figure

    def save(self, folder: Path) -> None:
        """Write JSON and plot."""
        write_text(folder / RESULT, json.dumps(self.to_dict(), indent=1) + "\n")
        self.plot().savefig(folder / PLOT, dpi=110)


def optimise(
    model: str,
    goal: Goal,
    folder: Path,
    *,
    trials: int,
    seed: int = 1,
    on_trial: Callable[[Optimised], None] = lambda _: None,
) -> Optimised:
    """Search until ``folder`` holds ``trials`` finished trials, those of an earlier call included.

    Parameters
    ----------
    model
        A Python file (docs/optimise.md), or the name or path of a graph, which is narrowed.
    on_trial
        Called with the state after every trial.

    Raises
    ------
    InputError
        If the model, its data or the folder's earlier search do not fit.
    """
    subject = subject_of(model, goal.data, goal.validation)
    _check(subject, goal)
    folder.mkdir(parents=True, exist_ok=True)
    study = _study(subject, goal, folder, seed)
    reference = _Reference(subject, goal)
    state = _state(subject, goal, seed, study)
    try:
        while len(state.trials) < trials:
            _try(study, subject, goal, reference, folder, (seed, len(state.trials)))
            state = _state(subject, goal, seed, study)
            on_trial(state)
    finally:  # also after Ctrl-C: what was found is on disk
        state.save(folder)
    return state


def _check(subject: Subject, goal: Goal) -> None:
    if (goal.rate is None) != (not goal.signals):
        missing = "--signal" if goal.rate is not None else "--rate"
        raise InputError("--rate and --signal belong together", field=missing, remedy="give both or none")
    trains = hasattr(subject, "module")
    if goal.rate is not None and trains and not goal.validation:
        raise InputError(
            "the rate needs crossings that no training saw", field="--validation", remedy="name a file"
        )
    if goal.rate is None and trains and not getattr(subject, "has_loss", False):
        raise InputError(
            "has no function loss(graph, data, seed)",
            file=getattr(subject, "file", None),
            remedy="add it, or give --rate and --signal",
        )


def _study(subject: Subject, goal: Goal, folder: Path, seed: int) -> Study:
    """The study of ``folder``, made if there is none; trials that an interrupt left open are closed."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    digest = _digest(subject, goal, seed)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.create_study(
        study_name="l1forge", storage=storage, directions=["minimize", "minimize"], load_if_exists=True
    )
    known = study.user_attrs.get("digest")
    if known is None:
        study.set_user_attr("digest", digest)
    elif known != digest:
        raise InputError(
            "holds a search of another model, data, limits or seed",
            file=folder / JOURNAL,
            remedy="choose another folder with -o, or remove this one",
        )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _digest(subject: Subject, goal: Goal, seed: int) -> str:
    """Identifies the search: what decides a trial's result, files by their size."""
    files = [*goal.data, *goal.validation, *(file for _, file in goal.signals)]
    for file in files:
        if not file.exists():
            raise InputError("no such file", file=file)
    parts = [
        subject.digest,
        repr(sorted(subject.space.items())),
        repr([(str(file), file.stat().st_size) for file in files]),
        repr((goal.rate, goal.latency_ns, goal.lut, goal.seeds, [name for name, _ in goal.signals], seed)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Reference:
    """The unchanged graph's output on the validation data, which a narrowed one is compared with."""

    def __init__(self, subject: Subject, goal: Goal) -> None:
        self.goal = goal
        self.values: NDArray[np.float64] | None = None
        original = getattr(subject, "original", None)
        if original is not None and goal.rate is None:
            self.values = _outputs(original, goal.judged)
            if not len(self.values):
                raise InputError("holds no events", file=goal.judged[0], field="--data")
            self.scale = np.maximum(self.values.std(axis=0), 1.0)

    def loss(self, graph: Graph) -> float:
        """Root of the mean squared difference, in units of the original outputs' spread."""
        assert self.values is not None
        difference = (_outputs(graph, self.goal.judged) - self.values) / self.scale
        return float(np.sqrt(np.mean(difference**2)))


def _outputs(graph: Graph, files: Sequence[Path]) -> NDArray[np.float64]:
    """All outputs, (events, elements), in LSBs."""
    from l1forge.emulator.kernel import compile_graph

    kernel = compile_graph(graph)
    parts = []
    for file in files:
        for scores, count, _ in feed_of(file, kernel).scores(None, None):
            rows = [np.asarray(scores[name]).reshape(-1, count) for name in graph.outputs]
            parts.append(np.concatenate(rows).T.astype(np.float64))
    return np.concatenate(parts) if parts else np.zeros((0, 1))


def _efficiencies(graph: Graph, goal: Goal) -> dict[str, float]:
    """Share of every signal at or above the threshold for the rate; the first output is the score."""
    assert goal.rate is not None
    score = graph.outputs[0]
    one = graph.subgraph([score])
    threshold = threshold_for_rate(_outputs(one, goal.judged)[:, 0], goal.rate)
    return {name: float((_outputs(one, [file])[:, 0] >= threshold).mean()) for name, file in goal.signals}


def _cost(graph: Graph) -> tuple[int, int, float]:
    """LUT, clocks and ns of the circuit that the RTL generator would write for the default clock.

    Not those of ``firmware.synth.estimate``: the circuit is traced for its clocks anyway, and its cost lies
    from 7 % below to 13 % above Yosys for trees, networks and pair tables alike (docs/optimise.md).
    """
    from l1forge.firmware.rtl.generate import planned, trace
    from l1forge.studies.defaults import clock_period

    period = clock_period()
    program, plan = planned(trace(graph), None, period)
    clocks = plan.stages + 1
    return round(float(program.cost)), clocks, clocks * period


def _try(
    study: Study, subject: Subject, goal: Goal, reference: _Reference, folder: Path, seed: tuple[int, int]
) -> None:
    """One trial, its graph written, its numbers kept in the journal."""
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    # drawn anew for every trial, so that a resumed search proposes what an uninterrupted one does
    number = int(np.random.default_rng(seed).integers(1 << 31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints are "experimental"
        study.sampler = TPESampler(seed=number, constraints_func=_over)
    trial = study.ask()
    try:
        settings = subject.drawn(trial)
        losses, costs, efficiencies = [], [], list[dict[str, float]]()
        for k in range(goal.seeds):
            graph = subject.graph(settings, seed[0] + k)
            if not k:
                costs = [_cost(graph)]
                place = folder / GRAPHS / f"trial_{seed[1]}.json"
                place.parent.mkdir(exist_ok=True)
                graph.save(place)
            if goal.rate is not None:
                efficiencies.append(_efficiencies(graph, goal))
                losses.append(1.0 - float(np.mean(list(efficiencies[-1].values()))))
            elif (own := subject.loss(graph, seed[0] + k)) is not None:
                losses.append(own)
            else:
                losses.append(reference.loss(graph))
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    if not np.isfinite(losses).all():
        study.tell(trial, state=TrialState.FAIL)
        raise InputError("loss is not a finite number", field=f"trial {seed[1]}", value=losses)
    lut, clocks, latency = costs[0]
    over = [latency - goal.latency_ns, lut - goal.lut if goal.lut is not None else 0.0]
    mean = {name: float(np.mean([e[name] for e in efficiencies])) for name, _ in goal.signals}
    trial.set_user_attr("over", over)
    tried = Tried(
        seed[1],
        settings,
        lut,
        clocks,
        latency,
        float(np.mean(losses)),
        float(np.std(losses)),
        max(over) <= 0,
        mean,
        f"{GRAPHS}/trial_{seed[1]}.json",
    )
    trial.set_user_attr("tried", asdict(tried))
    study.tell(trial, [float(lut), float(np.mean(losses))])


def _over(trial: FrozenTrial) -> Sequence[float]:
    """By how much a trial exceeds each limit (negative: not), for the sampler."""
    return [float(value) for value in trial.user_attrs.get("over", ())]


def _state(subject: Subject, goal: Goal, seed: int, study: Study) -> Optimised:
    from optuna.trial import TrialState

    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known: list[Mapping[str, Any]] = [trial.user_attrs["tried"] for trial in finished]
    return Optimised(subject.name, goal, seed, tuple(Tried(**tried) for tried in known))
