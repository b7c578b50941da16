"""Outputs of a graph against those of the trained network: differences, agreement, efficiencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

QUANTILES = (0.5, 0.9, 0.99)
BACKGROUND = 0.01
"""Share of background events above the threshold at which efficiencies are compared."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flips:
    """Events whose largest output is another one: their share, and how sure the trained network was.

    Margins are its largest output minus its second largest in these events.
    """

    events: int
    share: float
    median_margin: float
    largest_margin: float


@dataclass(frozen=True)
class Separation:
    """One class against the others by one output: area under the ROC curve, efficiency at a background.

    Each as (trained network, graph). The thresholds are those of each one's own background.
    """

    label: int
    auc: tuple[float, float]
    efficiency: tuple[float, float]
    background: float


@dataclass(frozen=True)
class OutputFidelity:
    """Differences graph − trained network of one output over all events and elements.

    ``spread`` is the standard deviation of the trained network's values, ``correlation`` that of the two
    (None where one of them is constant), ``flips`` None for outputs of one element.
    """

    output: str
    events: int
    elements: int
    largest: float
    mean: float
    bias: float
    quantiles: tuple[tuple[float, float], ...]
    spread: float
    correlation: float | None
    flips: Flips | None
    separations: tuple[Separation, ...] = ()

    @property
    def agreement(self) -> float | None:
        """Share of events with the same largest output."""
        return None if self.flips is None else 1 - self.flips.share


def compare_output(
    name: str,
    trained: Floats,
    graph: Floats,
    labels: NDArray[np.int64] | None = None,
    background: float = BACKGROUND,
) -> OutputFidelity:
    """Compare values of shape (n, size); see ``OutputFidelity``."""
    difference = graph - trained
    size = np.abs(difference)
    constant = np.ptp(trained) == 0 or np.ptp(graph) == 0
    return OutputFidelity(
        output=name,
        events=len(trained),
        elements=trained.shape[1],
        largest=float(size.max()),
        mean=float(size.mean()),
        bias=float(difference.mean()),
        quantiles=tuple((q, float(np.quantile(size, q))) for q in QUANTILES),
        spread=float(trained.std()),
        correlation=None if constant else float(np.corrcoef(trained.ravel(), graph.ravel())[0, 1]),
        flips=flips(trained, graph) if trained.shape[1] > 1 else None,
        separations=() if labels is None else separations(trained, graph, labels, background),
    )


def flips(trained: Floats, graph: Floats) -> Flips:
    """Events whose largest element differs. Equal largest values agree if the trained one is among them."""
    best = trained.argmax(axis=1)
    chosen = graph.argmax(axis=1)
    tied = np.take_along_axis(graph, best[:, None], axis=1)[:, 0] == graph.max(axis=1)
    # a tie is decided by the first of them: another answer than that of the trained network
    changed = (chosen != best) & ~(tied & (trained.max(axis=1) == np.sort(trained, axis=1)[:, -2]))
    ordered = np.sort(trained, axis=1)
    margins = (ordered[:, -1] - ordered[:, -2])[changed]
    return Flips(
        events=int(changed.sum()),
        share=float(changed.mean()),
        median_margin=float(np.median(margins)) if len(margins) else 0.0,
        largest_margin=float(margins.max(initial=0.0)),
    )


def separations(
    trained: Floats, graph: Floats, labels: NDArray[np.int64], background: float
) -> tuple[Separation, ...]:
    """One class against all others: class k by element k; of an output with one element, 1 (or more)."""
    if trained.shape[1] == 1:
        classes = [(1, 0)] if (labels > 0).any() else []
    else:
        classes = [(k, k) for k in range(trained.shape[1])]
    found = []
    for label, element in classes:
        signal = labels > 0 if trained.shape[1] == 1 else labels == label
        if not signal.any() or signal.all():
            continue
        values = [array[:, element] for array in (trained, graph)]
        areas = [auc(one, signal) for one in values]
        rates = [efficiency(one, signal, background) for one in values]
        found.append(Separation(label, (areas[0], areas[1]), (rates[0], rates[1]), background))
    return tuple(found)


def auc(values: Floats, signal: NDArray[np.bool_]) -> float:
    """Probability that a signal event has the larger value; equal values count half (Mann-Whitney U)."""
    ranks = rankdata(values)
    count = int(signal.sum())
    above = ranks[signal].sum() - count * (count + 1) / 2
    return float(above / (count * (len(values) - count)))


def efficiency(values: Floats, signal: NDArray[np.bool_], background: float) -> float:
    """Share of signal above the lowest threshold that at most this share of the background exceeds."""
    others = np.sort(values[~signal])
    allowed = int(np.floor(background * len(others)))
    threshold = others[len(others) - 1 - allowed] if allowed < len(others) else -np.inf
    return float((values[signal] > threshold).mean())
