"""Run and luminosity-section selection by the JSON file that experiments certify data with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json

HIGHEST = (1 << 32) - 1


@dataclass(frozen=True)
class LumiMask:
    """``ranges``: run -> (k, 2) first and last section of each range, both included."""

    ranges: Mapping[int, NDArray[np.int64]]

    @staticmethod
    def load(path: str | Path) -> LumiMask:
        """Read ``{"381065": [[1, 120], [125, 130]], …}``.

        Raises
        ------
        InputError
            If it cannot be read, or is not of this form.
        """
        try:
            document = parse_json(Path(path).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(f"cannot be read: {said}", file=path, field="--lumi-mask") from error
        if not isinstance(document, dict) or not document:
            raise InputError("is not a lumi mask", file=path, remedy='such as {"381065": [[1, 120]]}')
        return LumiMask({_run(path, key): _sections(path, key, value) for key, value in document.items()})

    def __call__(self, run: NDArray[np.generic], lumi: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Which events lie in a range: runs and sections (n,) -> (n,)."""
        good = np.zeros(len(run), bool)
        for number in np.unique(run):
            ranges = self.ranges.get(int(number))
            if ranges is None:
                continue
            mine = np.flatnonzero(run == number)
            section = lumi[mine].astype(np.int64)[:, None]
            good[mine] = ((section >= ranges[:, 0]) & (section <= ranges[:, 1])).any(axis=1)
        return good

    def key(self) -> str:
        """The same for masks that select the same."""
        return str(sorted((run, ranges.tolist()) for run, ranges in self.ranges.items()))


def _run(path: str | Path, key: object) -> int:
    text = str(key)
    if not (text.isascii() and text.isdecimal() and int(text) <= HIGHEST):
        raise InputError("is not a run number", file=path, field=text)
    return int(text)


def _sections(path: str | Path, run: object, value: object) -> NDArray[np.int64]:
    def whole(number: object) -> bool:
        return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= HIGHEST

    if not isinstance(value, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(map(whole, pair)) and pair[0] <= pair[1]
        for pair in value
    ):
        raise InputError(
            "are not ranges of luminosity sections",
            file=path,
            field=f"run {run}",
            value=value,
            remedy="such as [[1, 120], [125, 130]]",
        )
    return np.array(value, np.int64).reshape(-1, 2)
