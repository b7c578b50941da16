"""Random networks against hls4ml's compiled C++."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l1forge.firmware.hls.fuzz.campaign import Summary


@dataclass(frozen=True)
class Fuzzed:
    """What a campaign compared, refused and found to differ."""

    summary: Summary
    seed: int

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differs."""
        return bool(self.summary.networks) and not self.summary.failures

    @property
    def verdict(self) -> str:
        """The one line that matters."""
        found = self.summary
        return (
            f"{len(found.failures)} networks differ of {found.networks} compared"
            f" ({found.values:,} output values, outputs vary in {found.varied} networks,"
            f" {sum(found.refused.values())} refused)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; a later run resumes from it."""
        return self.summary.document(self.seed)

    def plot(self) -> Figure:
        """Networks compared by kind of layer, as bars."""
        return bars(dict(self.summary.layers.most_common()), "compared", f"fuzz: seed {self.seed}")

    def _repr_html_(self) -> str:
        rows = self.summary.layers.most_common()
        return html_table(f"fuzz: seed {self.seed}", ("layer", "compared"), rows) + html_lines([self.verdict])


def fuzz(
    n: int = 100,
    *,
    seed: int = 1,
    output: str | Path = Path("build/fuzz"),
    batch: int = 25,
    resumed: Summary | None = None,
    on_batch: Callable[[Summary], None] = lambda _: None,
) -> Fuzzed:
    """Compare ``n`` random networks, drawn from (seed, number), with hls4ml's C++.

    Parameters
    ----------
    output
        Folder for the shrunk reproducers of failures.
    batch
        Networks in one translation unit; ``on_batch`` is called with the summary after each.
    resumed
        The summary of an interrupted run to go on from.

    Raises
    ------
    InputError
        If a compiler is missing.
    """
    from l1forge.firmware.hls.fuzz.campaign import campaign

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hls4ml about itself
        return Fuzzed(campaign(n, seed, Path(output), on_batch, batch, resumed=resumed), seed)


def replay(file: str | Path) -> str | None:
    """The difference that a saved reproducer shows, None if there is none any more.

    Raises
    ------
    InputError
        If the file is no reproducer.
    """
    from l1forge.firmware.hls.fuzz.campaign import check_one
    from l1forge.firmware.hls.fuzz.network import Network

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_one(Network.load(Path(file)))
