"""What the tail-pair score offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.models.anomaly.options import Crossings, MenuFile, Pairs, ZeroBias
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(
    seed: int,
    output: Path,
    report: Report,
    zero_bias: ZeroBias = None,
    menu: MenuFile = None,
    crossings: Crossings = None,
    pairs: Pairs = "slim",
) -> None:
    """Count the tables of the tail-pair score on zero bias that the cut menu rejects; write its graph.

    Nothing is random: --seed changes nothing and is not used.

    Examples:

    `l1forge train tail_pairs -o build/tail_pairs`

    `l1forge train tail_pairs --zero-bias run3.parquet --menu L1Menu.xml -o build/run3`
    """
    import l1forge.models.tail_pairs.train as training
    from l1forge.emulator.events.check_files import check_event_files
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.models.anomaly.options import known
    from l1forge.models.anomaly.pairs import PAIR_LISTS
    from l1forge.models.anomaly.samples import ZERO_BIAS

    known(pairs, PAIR_LISTS, "--pairs")
    check_event_files([zero_bias] if zero_bias else [])
    training.main(output, zero_bias or ZERO_BIAS, menu or DEFAULT, pairs, crossings, report)


def inputs() -> TrainedInputs:
    """The record of the committed sample's training part."""
    from l1forge.models.anomaly.pairs import DEFAULT_PAIRS
    from l1forge.models.anomaly.zero_bias import committed_record

    return committed_record("tail_pairs", DEFAULT_PAIRS)


MODEL = Model("tail_pairs", Training(train), written=True, inputs=inputs)
