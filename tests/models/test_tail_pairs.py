"""The committed tail-pair score is what its command counts."""

import json
from pathlib import Path

from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.models import graph_path
from l1forge.models.anomaly.samples import ZERO_BIAS
from l1forge.models.tail_pairs.train import main


def test_counted_again_it_is_the_committed_one(tmp_path: Path) -> None:
    said: list[object] = []
    main(tmp_path, ZERO_BIAS, DEFAULT, "slim", None, said.append)
    folder = graph_path("tail_pairs").parent
    for name in ("graph.json", "training.json", "inputs.json"):
        assert (tmp_path / name).read_text() == (folder / name).read_text(), name
    report = json.loads((folder / "training.json").read_text())
    assert report["crossings"] == 300_000
    assert said[-1] == ("300,000 of 450,000 crossings used; 299,146 rejected by L1Menu_l1forge_v1 counted")
