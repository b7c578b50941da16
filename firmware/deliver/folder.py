"""Writes the folder of a delivered design."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.firmware.deliver import scripts
from l1forge.firmware.deliver.bench import INPUTS, OUTPUTS, bench_verilog, hex_lines
from l1forge.firmware.rtl.axi_stream import SOURCE, axi_stream_module, axis_name, stream_bytes
from l1forge.firmware.rtl.project import Port, RtlProject


@dataclass(frozen=True)
class Vectors:
    """Crossings for the testbench: rows of the project's input and output ports, integers in LSBs."""

    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]


def deliver(
    project: RtlProject, folder: Path, vectors: Vectors | None = None, graph: str | None = None
) -> list[str]:
    """Write ``project`` with all that is needed to simulate and synthesise it elsewhere; replaces the folder.

    ``graph`` is the text of the graph file it was made from. A design in VHDL has no AXI4-Stream wrapper and
    no testbench. Returns the files, relative to ``folder``.

    Raises
    ------
    InputError
        If the folder cannot be written, or has files that l1forge did not write.
    """
    vhdl = any(file.endswith(".vhd") for file in project.files)
    texts = {f"rtl/{file}": (project.folder / file).read_text(encoding="utf-8") for file in project.files}
    design = tuple(sorted(texts))
    wrapper: tuple[str, ...] = ()
    bench: tuple[str, ...] = ()
    if not vhdl:
        wrapper = (f"rtl/{SOURCE.name}", f"rtl/{axis_name(project)}.v")
        own = (SOURCE.read_text(encoding="utf-8"), axi_stream_module(project))
        texts |= dict(zip(wrapper, own, strict=True))
    if vectors is not None and not vhdl:
        bench = (f"sim/{project.name}_tb.v",)
        texts[bench[0]] = bench_verilog(project, len(vectors.inputs))
        texts[INPUTS] = hex_lines(vectors.inputs, project.inputs)
        texts[OUTPUTS] = hex_lines(vectors.outputs, project.outputs)
    language = "vhdl" if vhdl else "verilog"
    contents = scripts.Contents(project.name, design, wrapper, bench, project.clock_period_ns, language)
    version = re.match(r"\d+\.\d+\.\d+", importlib.metadata.version("l1forge"))
    texts |= {
        f"constraints/{project.name}.xdc": scripts.constraints(contents),
        f"constraints/{project.name}.sdc": scripts.constraints(contents),
        "vivado.tcl": scripts.vivado(contents),
        "quartus.tcl": scripts.quartus(contents),
        "Makefile": scripts.makefile(contents),
        f"{project.name}.core": scripts.fusesoc(contents, version[0] if version else "0.0.0"),
        "README.md": readme(project, contents, vectors),
    }
    if graph is not None:
        texts["graph.json"] = graph
    _check_ours(folder)
    with atomic_files(folder, replace_folders=True) as temporary:
        for name, text in texts.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_text(text, encoding="utf-8")
    return sorted(texts)


def _check_ours(folder: Path) -> None:
    """InputError if ``folder`` has files that are not a delivered design: sub-folders are replaced."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    marks = [path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.core")]
    if not any(scripts.MARK in text for text in marks):
        raise InputError(
            "has other files than a design of l1forge", file=folder, remedy="name a new or empty folder"
        )


def readme(project: RtlProject, contents: scripts.Contents, vectors: Vectors | None) -> str:
    """Ports, timing, what was checked and how the tools are started."""
    lines = [
        f"# {project.name}",
        "",
        f"Written by l1forge {importlib.metadata.version('l1forge')}. Circuit {project.circuit}",
        "(SHA-256 of the sources in `rtl/`, sorted by name).",
        "",
        f"* Clock {1000 / project.clock_period_ns:.2f} MHz ({project.clock_period_ns:.3f} ns), initiation"
        " interval 1: a new crossing may enter on every clock.",
        f"* Latency {project.latency} clocks ({project.latency_ns:.1f} ns): with `in_valid` sampled on clock"
        f" k, `out_valid` and the results can be sampled on clock k + {project.latency}.",
        "* `rst` is synchronous and clears the valid bits. Data mean something only when valid.",
        "",
        "| port | direction | bits | type | value of one LSB |",
        "|---|---|---|---|---|",
        *_port_rows(project.inputs, "in"),
        *_port_rows(project.outputs, "out"),
        "",
        "Types: `fixed<W,I>` is two's complement with W bits, I of them before the point; `ufixed` unsigned.",
        "",
    ]
    if contents.wrapper:
        lines += [
            f"`{axis_name(project)}` is the same design behind AXI4-Stream: `s_axis_tdata`"
            f" ({stream_bytes(project.inputs)} bytes) holds the inputs, the first in the low bits,"
            f" `m_axis_tdata` ({stream_bytes(project.outputs)} bytes) the outputs. It takes back-pressure: no"
            " result is lost.",
            "",
        ]
    lines += ["| command | what it does |", "|---|---|"]
    if contents.bench:
        n = len(vectors.inputs) if vectors is not None else 0
        lines += [f"| `make test` | {n} crossings against the emulator's results, in Verilator |"]
    lines += [
        "| `make lint` | the sources read by an open tool |",
        "| `make vivado PART=...` | out of context, placed and routed |",
        "| `make quartus PART=...` | pins virtual, placed and routed |",
        f"| `fusesoc --cores-root . run --target=synth {project.name}` | the same through FuseSoC |",
        "",
        "l1forge's own tests have no licence of Vivado or Quartus: their scripts were never run there.",
        "",
    ]
    return "\n".join(lines)


def _port_rows(ports: Sequence[Port], direction: str) -> list[str]:
    """Name, direction, bits, type and LSB of every port."""
    rows = [(f"`{p.name}`", direction, p.width, f"`{p.type}`", f"{p.fixed.lsb:g}") for p in ports]
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]
