"""What commands use where nothing is given: the project's menu and samples, else the committed ones."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.models.project import project
from l1forge.simulation import SAMPLE

ZERO_BIAS = SAMPLE / "zerobias.parquet"
"""The committed zero-bias sample."""


def default_menu() -> Path:
    """The menu of the project that the current folder lies in, else the committed default menu."""
    found = project()
    return found.menu if found is not None and found.menu is not None else DEFAULT


def clock_period(given: float | None = None) -> float:
    """Clock period of generated designs in ns: ``given``, else the project's, else that of 240 MHz."""
    found = project()
    own = found.period_ns if found is not None else None
    return given or own or CLOCK_PERIOD_NS


def default_zero_bias() -> Path:
    """The zero-bias events of the project, else the committed sample."""
    found = project()
    return found.zero_bias if found is not None and found.zero_bias is not None else ZERO_BIAS


def default_signals() -> tuple[Path, ...]:
    """The signal events of the project, else those of the committed sample."""
    found = project()
    if found is not None and found.signals:
        return found.signals
    return tuple(sorted(path for path in SAMPLE.glob("*.parquet") if path != ZERO_BIAS))
