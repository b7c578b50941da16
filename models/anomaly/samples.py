"""Which crossings count, choose and judge: the one place that says so.

Zero bias of the committed sample: crossings 0 .. N_TRAIN - 1 train. Of these the last N_VALIDATE validate:
while something is chosen, tables are counted and networks trained without them, and thresholds of the
validation are measured on them. What was chosen is then counted again on all N_TRAIN. The crossings from
N_TRAIN on (``TEST``) are looked at once, by `l1forge evaluate anomaly`.

Signals: ``VALIDATION_SIGNALS`` may choose between lists and settings, ``TEST_SIGNALS`` (the four of the
public challenge) are reported. The experiment from which this recipe came (2026-11) had looked at those four,
on the test crossings. ``BLIND_SIGNALS`` are processes that no choice, nor that experiment, ever looked
at.
"""

from __future__ import annotations

from pathlib import Path

from l1forge.simulation.sample import FOLDER, N_TRAIN

N_VALIDATE = 100_000
TRAIN = slice(0, N_TRAIN - N_VALIDATE)
VALIDATE = slice(N_TRAIN - N_VALIDATE, N_TRAIN)
TEST = slice(N_TRAIN, None)
VALIDATION_SIGNALS = ("ttbar", "zmumu", "htautau")
TEST_SIGNALS = ("A4l", "LQ_btau", "h_tautau", "Hp_taunu")
BLIND_SIGNALS = ("h_aa4b", "vbf_htautau")
ZERO_BIAS = FOLDER / "zerobias.parquet"


def counted_part(n: int) -> int:
    """How many of ``n`` training crossings are counted while the others, a third, validate."""
    return n - n // 3


def training_crossings(zero_bias: Path, n: int, given: int | None = None) -> int:
    """How many of the ``n`` first crossings of ``zero_bias`` train; ``given`` overrides.

    Those before N_TRAIN of the committed sample, all of any other file: the user keeps others for rates.
    """
    committed = ZERO_BIAS.exists() and zero_bias.exists() and zero_bias.samefile(ZERO_BIAS)
    return min(n, given if given is not None else N_TRAIN if committed else n)
