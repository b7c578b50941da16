"""The fuzzer against the framework's own prediction: a short seeded run, and a fault that it must tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.choose import tensors
from l1forge.firmware.hls.fuzz.trained import drawn, trained_campaign

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
