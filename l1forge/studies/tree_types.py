"""Types of decision trees chosen at the rate at which their score triggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.rates.working_point import (
    BEYOND,
    LossAtRate,
    loss_at_rate,
    loss_for_search,
    near_threshold,
)
from l1forge.firmware.bdt.choose import Loss, choose, quantised_margin
from l1forge.firmware.hls.choose.loss import check_events
from l1forge.firmware.inputs.binding import values_of
from l1forge.firmware.inputs.columns import Column
from l1forge.studies.working_point import WorkingPoint

if TYPE_CHECKING:
    from l1forge.firmware.bdt.ensemble import Ensemble
    from l1forge.firmware.bdt.to_graph import Precision


@dataclass(frozen=True)
class TreeTypes:
    """The types that were chosen, and what was tried.

    ``kept`` is the loss on the half of the events that they were chosen with, ``other`` that on the others,
    ``beyond`` the same at the largest rate that the search looked at. ``tried``: bits of the widest feature,
    bits of the leaves and loss of every candidate, in order.
    """

    point: WorkingPoint
    precision: Precision
    kept: float
    other: LossAtRate
    beyond: LossAtRate
    events: tuple[int, int]
    tried: tuple[tuple[int, int, float], ...]

    @property
    def held_out(self) -> float:
        """The loss on the events that the types were not chosen with."""
        return self.other.share.value

    def lines(self) -> list[str]:
        """What a user should know of the choice, with the smallest widths and what they lose."""
        found = self.other.share
        kind = "signal" if self.point.signals else "zero bias"
        scores: dict[int, float] = {}
        for _, bits, loss in self.tried:
            scores.setdefault(bits, loss)
        steps = ", ".join(f"{bits} bits {100 * loss:.3g} %" for bits, loss in scores.items())
        return [
            f"types chosen from {self.events[0]:,} events at {self.point.rate_khz:g} kHz,"
            f" {len(self.tried)} tried; leaves alone: {steps}",
            f"{100 * self.kept:.3g} % of what passes lost on the events used to choose;"
            f" on the other {self.events[1]:,}: {self.other.lost} of {self.other.accepted} events of {kind},"
            f" {100 * found.value:.3g} % (68.3 %: {100 * found.low:.2g} to {100 * found.high:.2g});"
            f" at {BEYOND[-1] * self.point.rate_khz:g} kHz {100 * self.beyond.share.value:.3g} %"
            f" of {self.beyond.accepted}",
            *(
                ["warning: the loss is larger on the other events: give more events"]
                if not self.keeps
                else []
            ),
        ]

    @property
    def keeps(self) -> bool:
        """Whether the loss is kept on the other events, too, within its interval."""
        return self.other.share.low <= self.point.loss

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "rate_khz": self.point.rate_khz,
            "limit": self.point.loss,
            "kept": self.kept,
            "held_out": self.other.share.as_dict(),
            "held_out_beyond": self.beyond.share.as_dict(),
            "events": list(self.events),
            "tried": [list(one) for one in self.tried],
        }


def types_at_rate(
    ensemble: Ensemble, columns: Sequence[Column], point: WorkingPoint, seed: int = 1
) -> TreeTypes:
    """The narrowest types that lose at most ``point.loss`` of what passes at the rate.

    Raises
    ------
    InputError
        If the features are no event columns, the ensemble has several scores, or too few events pass.
    """
    if not columns:
        raise InputError(
            "the features are not event columns", field="--rate", remedy="name one for each with --source"
        )
    if ensemble.n_scores != 1:
        raise InputError(
            "a rate is of one score, the model has several", field="--rate", value=ensemble.n_scores
        )
    codes, labels = point.codes(columns)
    values = values_of(columns, codes)
    order = np.random.default_rng(seed).permutation(len(values))
    halves = [np.sort(part) for part in np.array_split(order, 2)]
    signal = [None if labels is None else labels[part] == 1 for part in halves]
    exact = ensemble.margin(values)[:, 0]

    def lost(place: int, scores: NDArray[Any], factor: int = 1) -> LossAtRate:
        return loss_at_rate(exact[halves[place]], scores[:, 0], factor * point.rate_khz, signal[place])

    both = [lost(place, exact[part, None]) for place, part in enumerate(halves)]
    for found in both:
        check_events(found, point.rate_khz)
    tried: list[Loss] = []
    index, scaled = near_threshold(exact[halves[0]], point.rate_khz, signal[0], seed)
    looked = halves[0][index]
    of = None if labels is None else labels[looked] == 1
    shares: list[float] = []

    def judge(scores: NDArray[Any]) -> float:
        shares.append(loss_at_rate(exact[looked], scores[:, 0], scaled, of).share.value)
        return loss_for_search(exact[looked], scores[:, 0], scaled, of)

    best = choose(
        ensemble,
        values[looked],
        0.0,
        point.loss,
        judge,
        tried.append,
    )
    made = [quantised_margin(ensemble, best.precision, values[part]) for part in halves]
    return TreeTypes(
        point,
        best.precision,
        lost(0, made[0]).share.value,
        lost(1, made[1]),
        lost(1, made[1], BEYOND[-1]),
        (len(halves[0]), len(halves[1])),
        tuple((o.feature_bits, o.score_bits, share) for o, share in zip(tried, shares, strict=True)),
    )
