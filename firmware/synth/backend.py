"""Synthesis back ends: one protocol, and a registry of the modules of this package that hold one.

A module with a ``BACKEND`` is a back end; `l1forge synth --tool NAME` finds it by its name. ``auto`` takes
the first one, by ``rank``, that is installed and can take the design.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth.result import Synthesis

AUTO = "auto"


@dataclass(frozen=True)
class Design:
    """What a back end may take: the Verilog, or the HLS project, which ``hls`` writes when it is asked.

    ``model_has_hls``: whether the HLS project belongs to a model of this repository, which ``auto`` demands.
    """

    name: str
    rtl: RtlProject
    hls: Callable[[], Path]
    model_has_hls: bool


@dataclass(frozen=True)
class Request:
    """How to synthesise: log and result in ``folder``; ``part``: None for the back end's own default.

    ``fresh``: run the tool also if a result of the same run is known (vendor tools always run).
    """

    folder: Path
    part: str | None = None
    dsp: bool = True
    fresh: bool = False
    progress: Callable[[str], None] = lambda _: None


class Backend(Protocol):
    """One synthesis tool."""

    name: str
    """What ``--tool`` calls it."""
    rank: int
    """``auto`` tries the smallest first."""
    takes: str
    """``Verilog`` or ``HLS``, for the help."""

    def available(self) -> bool:
        """Whether the tool is installed."""
        ...

    def suits(self, design: Design) -> bool:
        """Whether ``auto`` may take it for this design."""
        ...

    def check_part(self, part: str) -> None:
        """InputError unless ``part`` names a part or family that the tool knows."""
        ...

    def synthesise(self, design: Design, request: Request) -> Synthesis:
        """Resources and timing; InputError if the tool is missing or rejects the design."""
        ...


@cache
def backends() -> dict[str, Backend]:
    """Name -> back end, by rank."""
    package = importlib.import_module(__package__)
    modules = (
        importlib.import_module(f"{__package__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
        if f"{__package__}.{module.name}" != __name__
    )
    found: list[Backend] = [module.BACKEND for module in modules if hasattr(module, "BACKEND")]
    return {backend.name: backend for backend in sorted(found, key=lambda backend: backend.rank)}


def check_tool(tool: str, part: str | None = None) -> None:
    """Demand a known tool, and a part that it knows.

    Raises
    ------
    InputError
        With the names that are known.
    """
    known = backends()
    if tool != AUTO and tool not in known:
        names = sorted(known, key=lambda name: -known[name].rank)
        raise InputError(
            "unknown tool",
            field="--tool",
            value=tool,
            remedy=f"{', '.join([AUTO, *names[:-1]])} or {names[-1]}",
        )
    if part is not None:
        if tool == AUTO:
            raise InputError("depends on the tool", field="--part", value=part, remedy="give --tool, too")
        known[tool].check_part(part)


def choose(tool: str, design: Design) -> Backend:
    """The back end called ``tool``, or for ``auto`` the first that is installed and suits ``design``.

    Without any, the last one that suits it, whose error names what to install.
    """
    known = backends()
    if tool != AUTO:
        return known[tool]
    every = [one for one in known.values() if one.suits(design)]
    return next((one for one in every if one.available()), every[-1])
