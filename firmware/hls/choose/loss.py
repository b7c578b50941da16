"""What a chosen network may lose against the trained one, and how much it does."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.rates.working_point import LEAST, LossAtRate, loss_at_rate, loss_for_search
from l1forge.firmware.hls.fidelity.outputs import flips, separations

REMEDY = (
    "write argmax=0.005 (share of events with another largest output), cut:0.5=0.001 (share of changed"
    " decisions output > 0.5), auc=0.002 (drop of the area under the ROC curve) or error=0.01 (mean"
    " difference in units of the outputs' spread)"
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StatedLoss:
    """A kind of loss and its limit; ``cut``: threshold in units of the output, or rate in kHz.

    Kind ``search`` is what a search for types minimises in place of ``rate`` (``loss_for_search``).
    """

    kind: str
    limit: float
    cut: float = 0.0

    @property
    def is_share(self) -> bool:
        """Whether it is a share of events, with a binomial error."""
        return self.kind in ("argmax", "cut", "rate")

    @staticmethod
    def parse(text: str) -> StatedLoss:
        """Read ``argmax=0.005``, ``cut:0.5=0.001``, ``auc=0.002``, ``error=0.01``.

        Raises
        ------
        InputError
            For another kind, or a limit that is not between 0 and 1.
        """
        found = re.fullmatch(r"(argmax|cut:([^=]+)|auc|error)=(.+)", text.replace(" ", ""))
        try:
            if found is None:
                raise ValueError(text)
            limit, cut = float(found[3]), float(found[2] or 0.0)
        except ValueError as error:
            raise InputError("is not a loss", field="--loss", value=text, remedy=REMEDY) from error
        if not 0 <= limit < 1 or not math.isfinite(cut):
            raise InputError("is out of range", field="--loss", value=text, remedy=REMEDY)
        return StatedLoss(found[1].split(":")[0], limit, cut)

    def __str__(self) -> str:
        at = {"cut": f":{self.cut:g}", "rate": f":{self.cut:g}kHz"}.get(self.kind, "")
        return f"{self.kind}{at}={self.limit:g}"

    def check(self, sizes: list[int], labels: NDArray[Any] | None) -> None:
        """Refuse a kind that the outputs (their sizes) or the data do not allow.

        Raises
        ------
        InputError
            For argmax of outputs of one element, cuts on several elements, AUC without labels.
        """
        problem = None
        if self.kind == "argmax" and all(size == 1 for size in sizes):
            problem = "the model has one output: it has no largest one"
        elif self.kind in ("cut", "rate") and sizes != [1]:
            problem = f"a {self.kind} is of one number, the model has several outputs"
        elif self.kind == "auc" and labels is None:
            problem = "an area under the ROC curve needs labels"
        if problem:
            raise InputError(problem, field="--loss", value=str(self), remedy=REMEDY)

    def of(
        self, trained: list[Floats], graph: list[Floats], labels: NDArray[np.int64] | None = None
    ) -> float:
        """The loss of outputs (n, size) against those of the trained network: the worst of the outputs."""
        pairs = list(zip(trained, graph, strict=True))
        if self.kind == "argmax":
            return max(flips(a, b).share for a, b in pairs if a.shape[1] > 1)
        if self.kind == "cut":
            return float(np.mean((trained[0] > self.cut) != (graph[0] > self.cut)))
        if self.kind == "rate":
            return self.at_rate(trained, graph, labels).share.value
        if self.kind == "search":
            signal = None if labels is None else labels == 1
            return loss_for_search(trained[0][:, 0], graph[0][:, 0], self.cut, signal)
        if self.kind == "auc" and labels is not None:
            found = [one.auc for a, b in pairs for one in separations(a, b, labels, 0.01)]
            if not found:
                raise InputError("labels are all of one class", field="--loss", value=str(self))
            return max(before - after for before, after in found)
        return mean_error(trained, graph)

    def at_rate(
        self, trained: list[Floats], graph: list[Floats], labels: NDArray[np.int64] | None
    ) -> LossAtRate:
        """Kind ``rate``: accepted events that are lost; label 1 is signal, 0 zero bias, None all zero bias.

        Raises
        ------
        InputError
            If so few events are accepted that their loss cannot be measured.
        """
        signal = None if labels is None else labels == 1
        found = loss_at_rate(trained[0][:, 0], graph[0][:, 0], self.cut, signal)
        check_events(found, self.cut)
        return found

    def counted(self, trained: list[Floats], labels: NDArray[np.int64] | None) -> int:
        """The number of events that the loss is a share of."""
        if self.kind == "rate":
            return self.at_rate(trained, trained, labels).accepted
        return len(trained[0])


def check_events(found: LossAtRate, rate_khz: float) -> None:
    """Refuse to measure a loss on a handful of events.

    Raises
    ------
    InputError
        With the numbers that there are and that there should be.
    """
    if min(found.above, found.accepted) < LEAST:
        raise InputError(
            f"{found.above} crossings of zero bias pass and {found.accepted} events can be lost, in one half"
            " of the events",
            field="--rate",
            value=f"{rate_khz:g} kHz",
            remedy=f"at least {LEAST}: give more zero bias (--zero-bias) or signal"
            " (--signal), or a higher rate",
        )


def default_loss(sizes: list[int]) -> StatedLoss:
    """Half a percent of the decisions by the largest output, else a mean error of one percent."""
    return StatedLoss("argmax", 0.005) if any(size > 1 for size in sizes) else StatedLoss("error", 0.01)


def mean_error(trained: list[Floats], graph: list[Floats]) -> float:
    """Mean of |difference| over the standard deviation of the trained network's values, the worst output."""
    return max(
        float(np.abs(a - b).mean()) / (float(a.std()) or float(np.abs(a).max()) or 1.0)
        for a, b in zip(trained, graph, strict=True)
    )


def uncertainty(loss: StatedLoss, value: float, events: int) -> float | None:
    """Binomial standard error of a loss that is a share of events, else None."""
    if not loss.is_share:
        return None
    return math.sqrt(max(value * (1 - value), 1 / events) / events)
