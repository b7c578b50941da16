"""The fuzzer against the framework's own prediction: a short seeded run, and a fault that it must tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.choose import tensors
from l1forge.firmware.hls.choose.loss import StatedLoss
from l1forge.firmware.hls.fuzz.trained import TrainedSummary, check_network, drawn, trained_campaign

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_short_campaign_is_clean() -> None:
    summary = trained_campaign(6, seed=3)
    assert summary.failures == []
    assert (summary.done, summary.networks, sum(summary.refused.values())) == (6, 6, 0)
    assert 0 < summary.worst < 0.1


def test_networks_differ_and_come_from_their_seed() -> None:
    kinds = {str(drawn(np.random.default_rng([1, k]))[0]) for k in range(10)}
    assert len(kinds) == 10
    again = str(drawn(np.random.default_rng([1, 4]))[0])
    assert again in kinds


def test_types_that_wrap_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two integer bits too few in every result."""
    right = tensors.TypedTensor.type.fget  # type: ignore[attr-defined]

    def narrow(tensor: Any) -> FixedType:
        kind: FixedType = right(tensor)
        lost = 2 if tensor.key == "result" else 0
        return FixedType(kind.width, kind.integer - lost, kind.signed)

    monkeypatch.setattr(tensors.TypedTensor, "type", property(narrow))
    summary = trained_campaign(2, seed=3)
    assert len(summary.failures) == 2


def test_a_run_goes_on(tmp_path: Path) -> None:
    whole = trained_campaign(3, seed=3)
    part = trained_campaign(2, seed=3)
    state = tmp_path / "state.json"
    state.write_text(json.dumps(part.document(3)))
    assert trained_campaign(3, 3, resumed=TrainedSummary.load(state, 3)).document(3) == whole.document(3)
    with pytest.raises(InputError, match="written with another seed"):
        TrainedSummary.load(state, 4)
    state.write_text('{"seed": 3, "done": 1, "networks": 1, "values": 3}')
    with pytest.raises(InputError, match="--trained"):
        TrainedSummary.load(state, 3)


def test_a_batch_norm_behind_a_flattened_convolution() -> None:
    """hls4ml transposes the weights between and forgets what its fusion of the norm asks for."""
    torch.manual_seed(1)
    layers = [
        nn.Conv1d(2, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(9, 4),
        nn.BatchNorm1d(4),
        nn.Linear(4, 2),
    ]
    network = nn.Sequential(*layers).eval()
    assert check_network(network, (2, 4), StatedLoss("error", 0.01), 1) < 0.01
