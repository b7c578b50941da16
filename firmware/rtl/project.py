"""An RTL project on disk: Verilog files, the ports of the top module, and a JSON manifest beside them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.rtl.pipeline import MARGIN

MANIFEST = "manifest.json"
FORMAT = "l1forge-rtl"
VERSION = 1


@dataclass(frozen=True)
class Port:
    """One data word of the top module: element ``element`` (C order) of the graph's node ``node``."""

    name: str
    node: str
    element: int
    type: str

    @property
    def fixed(self) -> FixedType:
        return FixedType.parse(self.type)

    @property
    def width(self) -> int:
        return self.fixed.width


@dataclass(frozen=True)
class Register:
    """A pipeline register: its name inside the core and its width in bits."""

    name: str
    width: int


@dataclass(frozen=True)
class RtlProject:
    """A generated design.

    ``latency`` is in clocks from the edge that samples an input to the edge that samples its result;
    ``interval`` clocks at least lie between two inputs. ``delay_ns`` (longest stage without routing,
    ``delay.py``) and ``cost`` (alkaid's, in LUTs) are estimates. Files are relative to ``folder``;
    ``digest`` identifies the graph and the generator.
    """

    folder: Path
    name: str
    digest: str
    files: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    registers: tuple[Register, ...]
    latency: int
    stages: int
    clock_period_ns: float
    operations: int
    cost: float
    delay_ns: float
    core: str = ""
    interval: int = 1

    @property
    def sources(self) -> list[Path]:
        return [self.folder / name for name in self.files]

    @property
    def circuit(self) -> str:
        """Identifies the Verilog itself: results about it stay valid while it does not change."""
        state = hashlib.sha256()
        for source in self.sources:
            state.update(source.read_bytes())
        return state.hexdigest()

    @property
    def latency_ns(self) -> float:
        return self.latency * self.clock_period_ns

    @property
    def slow(self) -> str | None:
        """What to say if the longest stage is estimated to take longer than the clock period; else None."""
        if self.delay_ns <= self.clock_period_ns:
            return None
        works = ceil(100 * self.delay_ns * (1 + MARGIN)) / 100
        return (
            f"the longest stage takes about {self.delay_ns:.2f} ns, the clock period is"
            f" {self.clock_period_ns:.2f} ns: with stages={self.stages} a period of {works:.2f} ns would work"
        )

    @property
    def manifest(self) -> dict[str, Any]:
        """What is written to ``manifest.json``: everything but the folder."""
        document = asdict(self)
        del document["folder"]
        interval = document.pop("interval")
        return {"format": FORMAT, "version": VERSION, **document, "initiation_interval": interval}

    def save(self) -> None:
        text = json.dumps(self.manifest, indent=1) + "\n"
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")

    @staticmethod
    def load(folder: str | Path) -> RtlProject:
        """Read a project from its manifest.

        Raises
        ------
        InputError
            If the folder holds no manifest of this format, or a file it names is missing.
        """
        folder = Path(folder)
        file = folder / MANIFEST
        try:
            document = parse_json(file.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"cannot read RTL manifest: {error}", file=file) from error
        if (document.pop("format", None), document.pop("version", None)) != (FORMAT, VERSION):
            raise InputError("is not an RTL manifest of this version", file=file, remedy="generate it again")
        document["interval"] = document.pop("initiation_interval")
        for key, kind in (("inputs", Port), ("outputs", Port), ("registers", Register)):
            document[key] = tuple(kind(**entry) for entry in document[key])
        document["files"] = tuple(document["files"])
        project = RtlProject(folder, **document)
        for source in project.sources:
            if not source.exists():
                raise InputError("Verilog file is missing", file=source, remedy="generate the project again")
        return project
