"""The folder that goes into the global trigger's firmware: VHDL, ipbb and Hog lists, FuseSoC core, test."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.lhc import BUNCH_SPACING_NS
from l1forge.firmware.deliver.exported import Exported, digest_of
from l1forge.firmware.rtl.generate import VHDL, generate
from l1forge.firmware.ugt import entities

NAME = re.compile(r"[a-z](_?[a-z0-9])*")


@dataclass(frozen=True)
class UgtProject(Exported):
    """An exported model. Paths are relative to ``folder``; ``latency`` counts LHC clocks.

    ``sources`` are in the order of compilation, the wrapper last.
    """

    score: str
    threshold: int
    latency: int
    delay_ns: float
    sources: tuple[str, ...]
    core: str
    wrapper: str
    bench: str

    MANIFEST, FORMAT, FORMAT_VERSION = "ugt.json", "l1forge-ugt", 2  # 1 had the digest of the RTL
    READER, COMMAND = "the global trigger", "export-ugt"

    def check(self) -> None:
        """Refuse names that are none in VHDL, and files elsewhere."""
        for text in (self.name, self.version):
            if not NAME.fullmatch(text):
                raise ValueError(f"{text!r} is not a name in VHDL")
        inside = all(not Path(file).is_absolute() and ".." not in Path(file).parts for file in self.sources)
        if not inside or not self.sources:
            raise ValueError("sources are not files of the folder")
        if self.latency < 2 or self.threshold < 0:
            raise ValueError("latency or threshold is out of range")


def write_ugt(
    graph: Graph, folder: str | Path, version: str, *, score: str | None, threshold: int, latency: int
) -> UgtProject:
    """Write a model as VHDL-2008 in the global trigger's shape.

    Parameters
    ----------
    graph
        The model; its inputs name event columns.
    folder
        Folder to write.
    version
        Version of the model, ``v1``: part of every name, so that several versions stand side by side.
    score
        Output of the graph, an unsigned integer of 18 bits at most; None: the first.
    threshold
        Default of the wrapper's generic, a raw integer.
    latency
        Clocks of 40.079 MHz from the objects to the score: 2 as in the deployed models.

    Raises
    ------
    InputError
        If a name, the score, an input or the latency cannot be had.
    """
    name = re.sub(r"\W", "_", graph.name).lower()
    for field, text in (("name of the graph", name), ("--version", version)):
        if not NAME.fullmatch(text):
            raise InputError("is not a name in VHDL", field=field, value=text, remedy="such as my_axo, v1")
    output = score or graph.outputs[0]
    _check_score(graph, output, threshold)
    if latency < 2:
        raise InputError("is too short", field="--latency", value=latency, remedy="2 or more")
    base = f"{name}_{version}"
    part = graph.subgraph([output])
    digest = digest_of(part)
    sources = {
        (node.name, element): text
        for node in part.inputs
        for element, text in enumerate(node.attributes.get("source", ()))
    }
    part.name = base
    with tempfile.TemporaryDirectory(prefix="l1forge-ugt-") as place:
        project = generate(
            part, Path(place) / "rtl", stages=latency - 1, clock_period_ns=BUNCH_SPACING_NS, language=VHDL
        )
        if project.slow:
            raise InputError(
                f"does not fit {latency} clocks of {BUNCH_SPACING_NS:.2f} ns:"
                f" a stage takes {project.delay_ns:.1f} ns",
                file=graph.file,
                field="--latency",
                value=latency,
                remedy="allow more clocks",
            )
        texts = {path.name: path.read_text(encoding="utf-8") for path in project.sources}
    inputs = entities.places(project, sources, graph.file)
    core, wrapper, bench = f"{base}", f"{base}_wrapper", f"{base}_bench"
    model = f"{base}_model"
    texts = _renamed(texts, base, model)
    target = f"gtl/{name}_trigger/model_{version}"
    ordered = _ordered(texts)
    title = f"{graph.name} {version}"
    named = replace(project, name=model)
    with atomic_files(folder, replace_folders=True) as work:
        (work / target).mkdir(parents=True)
        (work / "sim").mkdir()
        (work / "cfg").mkdir()
        for file, text in texts.items():
            (work / target / file).write_text(text, encoding="utf-8")
        (work / target / f"{core}.vhd").write_text(
            entities.core_entity(core, title, named, inputs, latency), encoding="utf-8"
        )
        (work / target / f"{wrapper}.vhd").write_text(
            entities.wrapper_entity(wrapper, core, title, threshold), encoding="utf-8"
        )
        (work / "sim/gtl_pkg.vhd").write_text(entities.PACKAGE, encoding="utf-8")
        (work / f"sim/{bench}.vhd").write_text(
            entities.bench_entity(bench, wrapper, latency), encoding="utf-8"
        )
        files = [f"{target}/{file}" for file in (*ordered, f"{core}.vhd", f"{wrapper}.vhd")]
        made = UgtProject(
            work, name, version, digest, output, threshold, latency, round(project.delay_ns, 3),
            tuple(files), core, wrapper, bench,
        )  # fmt: skip
        _lists(work, made)
        made.save(work)
    return UgtProject.load(folder)


def _check_score(graph: Graph, output: str, threshold: int) -> None:
    if output not in graph.outputs or graph[output].size != 1:
        known = ", ".join(graph.outputs)
        raise InputError(
            "is not a score of this graph", field="--score", value=output, remedy=f"scores: {known}"
        )
    kind = graph[output].type
    if kind.signed or kind.width > entities.SCORE_BITS:
        raise InputError(
            f"the global trigger compares unsigned scores of {entities.SCORE_BITS} bits at most",
            file=graph.file,
            field=f"output {output}",
            value=str(kind),
            remedy="let the model give such a score, for example as ufixed<18,14>",
        )
    if not 0 <= threshold <= kind.maximum:
        raise InputError(
            f"the score never reaches it: {kind} goes to {kind.maximum}",
            field="--threshold",
            value=threshold,
            remedy="give a raw integer",
        )


def _renamed(texts: dict[str, str], base: str, model: str) -> dict[str, str]:
    """All entities get the model's name and version in front: two models can stand in one library."""
    defined = [name for text in texts.values() for name in re.findall(r"(?im)^\s*entity\s+(\w+)\s+is", text)]
    new = {
        name: model if name == base else name if name.startswith(f"{base}_") else f"{base}_{name}"
        for name in defined
    }
    found = {}
    for file, text in texts.items():
        for old, name in new.items():
            text = re.sub(rf"\b{re.escape(old)}\b(?!_)", name, text)
        stem = file.removesuffix(".vhd")
        found[f"{new.get(stem, stem if stem.startswith(base) else f'{base}_{stem}')}.vhd"] = text
    return found


def _ordered(texts: dict[str, str]) -> list[str]:
    """Files so that each comes after those whose entities it instantiates."""
    defines = {file: set(re.findall(r"(?im)^\s*entity\s+(\w+)\s+is", text)) for file, text in texts.items()}
    uses = {file: set(re.findall(r"(?i)\bentity\s+work\.(\w+)", text)) for file, text in texts.items()}
    ordered: list[str] = []
    left = sorted(texts)
    while left:
        ready = [f for f in left if not any(uses[f] & defines[o] for o in left if o != f)]
        ordered += ready
        left = [f for f in left if f not in ready]
        if not ready:
            raise AssertionError(f"entities of {left} use each other")
    return ordered


def _lists(work: Path, made: UgtProject) -> None:
    """ipbb's dependency list, Hog's list, a FuseSoC core, a README."""
    base = f"{made.name}_{made.version}"
    sources = "".join(f"src payload/{file}\n" for file in made.sources)
    (work / f"cfg/{made.name}_trigger.dep").write_text(sources, encoding="utf-8")
    hog = "".join(f"{file} 2008\n" for file in made.sources)
    (work / f"cfg/{made.name}_trigger.src").write_text(hog, encoding="utf-8")
    core = [
        "CAPI=2:",
        f"name: l1forge:ugt:{made.name}:{made.version.removeprefix('v')}",
        "filesets:",
        "  rtl:",
        "    files:",
        *(f"      - {file}" for file in made.sources),
        "    file_type: vhdlSource-2008",
        "  sim:",
        "    files: [sim/gtl_pkg.vhd]",
        "    file_type: vhdlSource-2008",
        "targets:",
        f"  default: {{filesets: [sim, rtl], toplevel: {made.wrapper}}}",
        "",
    ]
    (work / f"{base}.core").write_text("\n".join(core), encoding="utf-8")
    (work / "README.md").write_text(
        f"# {base}\n\n"
        f"`{made.wrapper}` is instantiated by the global trigger: object arrays in, score and decision out"
        f" after {made.latency} clocks of 40 MHz, one crossing per clock."
        f" `{base}` is the core with 32- and 64-bit words.\n"
        f"The longest stage takes about {made.delay_ns} ns before routing (estimate).\n\n"
        "| | |\n|---|---|\n"
        f"| `cfg/{made.name}_trigger.dep` | ipbb: one `src` line per file |\n"
        f"| `cfg/{made.name}_trigger.src` | Hog list |\n"
        f"| `{base}.core` | FuseSoC |\n"
        "| `sim/` | package with the record types, and a testbench, for simulation alone |\n"
        f"| `{UgtProject.MANIFEST}` | what this is, read by `l1forge export-ugt --check` |\n",
        encoding="utf-8",
    )
