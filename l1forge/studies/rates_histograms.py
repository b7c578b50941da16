"""Histograms of a rate study as ``hist`` objects, in the serialisation that hist and others share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hist import Hist

    from l1forge.studies.rates_numbers import Rate
    from l1forge.studies.rates_results import MenuRates

RATES = (
    "total_before",
    "total_after",
    "pure_before",
    "pure_after",
    "proportional_before",
    "proportional_after",
    "total_rules",
    "pure_rules",
    "proportional_rules",
)


def histograms(study: MenuRates) -> dict[str, Hist]:
    """Rates in kHz by seed, for each kind of rate, and by leading threshold for each seed with a curve.

    The variance is that of half the interval. Seeds outside the FinOR are not in pure and proportional
    rates. Bins of a curve begin at its thresholds; what lies behind the last one is the overflow.
    """
    from hist import axis

    found = {}
    for kind in RATES:
        rows = [(seed.name, rate) for seed in study.seeds if (rate := getattr(seed, kind)) is not None]
        names = axis.StrCategory([name for name, _ in rows], name="seed", label="seed")
        found[kind] = _filled(names, (rate for _, rate in rows), flow=False)
    for seed in study.details:
        if len(seed.curve) > 1:
            codes = [point.threshold for point in seed.curve]
            cuts = axis.Variable(
                codes, name="threshold", label=f"{seed.cut} [hardware code]", underflow=False
            )
            found[f"curve {seed.name}"] = _filled(cuts, (point.rate for point in seed.curve), flow=True)
    return found


def _filled(axis: object, rates: Iterable[Rate], flow: bool) -> Hist:
    from hist import Hist, storage

    histogram = Hist(axis, storage=storage.Weight(), label="rate [kHz]")
    view = histogram.view(flow=flow)
    given: Sequence[Rate] = list(rates)
    view["value"] = np.array([rate.khz for rate in given], float)
    view["variance"] = np.array([((rate.high_khz - rate.low_khz) / 2) ** 2 for rate in given], float)
    return histogram


def to_json(found: Mapping[str, Hist]) -> str:
    """All of them as text; the same histograms give the same text."""
    import uhi.io.json
    from boost_histogram.serialization import remove_writer_info, to_uhi

    plain = {name: remove_writer_info(to_uhi(histogram)) for name, histogram in found.items()}
    return json.dumps(plain, default=uhi.io.json.default) + "\n"


def from_json(text: str) -> dict[str, Hist]:
    """What ``to_json`` wrote, as ``hist`` objects."""
    import uhi.io.json
    from boost_histogram.serialization import from_uhi
    from hist import Hist

    found = json.loads(text, object_hook=uhi.io.json.object_hook)
    return {name: Hist(from_uhi(plain)) for name, plain in found.items()}
