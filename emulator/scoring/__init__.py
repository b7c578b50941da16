"""From events or arrays to a model's scores, and the files that hold scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.scoring.arrays import ArraySource, open_arrays
    from l1forge.emulator.scoring.feeds import Feed, open_feed
    from l1forge.emulator.scoring.files import ScoreFile, open_writer, read_scores
    from l1forge.emulator.scoring.given import GivenScores
    from l1forge.emulator.scoring.trained_inputs import Comparison, Recorder, TrainedInputs

__all__ = [
    "ArraySource",
    "Comparison",
    "Feed",
    "GivenScores",
    "Recorder",
    "ScoreFile",
    "TrainedInputs",
    "open_arrays",
    "open_feed",
    "open_writer",
    "read_scores",
]

__getattr__ = lazily(
    __name__,
    {
        "ArraySource": "arrays",
        "Comparison": "trained_inputs",
        "Feed": "feeds",
        "GivenScores": "given",
        "Recorder": "trained_inputs",
        "ScoreFile": "files",
        "TrainedInputs": "trained_inputs",
        "open_arrays": "arrays",
        "open_feed": "feeds",
        "open_writer": "files",
        "read_scores": "files",
    },
)
