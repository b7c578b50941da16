"""Orbits filled from events with link words carry them: a seed on CICADA's score sees its event's score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.events.cicada import scores_of, with_scores
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.stream import open_stream


@pytest.mark.parametrize(("halo", "sparse"), [(2, False), (0, False), (0, True)])
def test_link_words_travel_with_their_events(tmp_path: Path, halo: int, sparse: bool) -> None:
    scores = np.arange(1, 3001)
    columns = {"mu.pt": np.tile(scores % 500, (8, 1)), "link": with_scores(scores)}
    columns["ext"] = np.ones((4, 3000), np.uint64)
    write_events(tmp_path / "a.parquet", [Events(columns, 3000)])
    stream, _ = open_stream(tmp_path / "a.parquet", ["mu.pt", "link"])
    (block,) = [recipe() for recipe in stream.recipes(1, per_block=1, halo=halo, sparse=sparse)]
    parts = [part.events for part in block.parts] if sparse else [block.events]
    found = np.concatenate([scores_of(events["link"]) for events in parts])
    muons = np.concatenate([events["mu.pt"][0] for events in parts])
    np.testing.assert_array_equal(found % 500, muons)
    assert found.max() > 2700  # an orbit has 2 748 colliding crossings
    assert all("ext" not in events for events in parts)
    if not sparse:
        assert len(found) == ORBIT + 2 * halo
        assert (found == 0).sum() >= ORBIT - 2748
