"""One page about a model's firmware, from what other steps left: design, co-verification, synthesis.

Nothing is run. A step whose result is missing, or is that of another version of the design, is said so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.rtl.generate import digest_of
from l1forge.firmware.rtl.project import MANIFEST
from l1forge.firmware.synth.result import Synthesis

Reader = Callable[[dict[str, Any]], tuple[str, list[tuple[str, str]]]]
"""From a result of a step to the digest of its design and (quantity, value) rows."""


@dataclass(frozen=True)
class Section:
    """A heading and its (quantity, value) rows; ``note`` says what is missing or stale."""

    title: str
    rows: tuple[tuple[str, str], ...] = ()
    note: str | None = None


def collect(name: str, rtl: Path, reports: Path, graph: Graph | None = None) -> list[Section]:
    """The sections for the model ``name``: its RTL project folder and its folder of JSON results.

    With ``graph``, a design that was made from another graph (of the same name) is said so.

    Raises
    ------
    InputError
        If a result file is there but is no such file at all.
    """
    origin = conversion_sections(graph)
    if not (rtl / MANIFEST).exists():
        return [Section("Design", note=f"not written yet: run `l1forge cosim {name}`"), *origin]
    project = RtlProject.load(rtl)
    note = None
    if graph is not None:
        wanted = graph.subgraph(graph.outputs)
        if project.digest != digest_of(wanted, None, project.clock_period_ns):
            note = (
                f"of another graph or by another version of the generator: run `l1forge cosim {name}` again"
            )
    return [
        Section("Design", tuple(_design(project)), note),
        *origin,
        _section("Co-verification", reports / "cosim.json", f"l1forge cosim {name}", project, _cosim),
        _section("Synthesis", reports / "synthesis.json", f"l1forge synth {name}", project, _synthesis),
    ]


def conversion_sections(graph: Graph | None) -> list[Section]:
    """Where a converted graph comes from and how it compares with the trained network; else nothing."""
    record = graph.meta.get("provenance") if graph is not None else None
    if not isinstance(record, dict):
        return []
    try:
        origin = Section("Provenance", tuple(_provenance(record)))
        if "fidelity" not in record:
            missing = "not compared with the trained network: import it again with --data"
            return [origin, Section("Fidelity", note=missing)]
        return [origin, Section("Fidelity", tuple(_fidelity(record["fidelity"])))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"its record of the conversion is damaged: {error!r}",
            file=graph.file if graph is not None else None,
            field="meta: provenance",
            remedy="import the model again",
        ) from error


def _provenance(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("source", f"{one['file']} (sha256 {one['sha256'][:16]}…)") for one in record["source"]]
    if "reference" in record:
        rows.append(
            ("trained model", f"{record['reference']['file']} (sha256 {record['reference']['sha256'][:16]}…)")
        )
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items())))
    rows += [(f"asked: {key}", json.dumps(value)) for key, value in record["asked"].items() if value]
    for layer, given in record.get("used", {}).items():
        rows.append((f"used: {layer}", ", ".join(f"{key} {value}" for key, value in given.items())))
    return rows


def _fidelity(record: dict[str, Any]) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in record["framework"].items())
    rows = [("compared with", versions), ("data", f"{record['data']['file']}, {record['events']:,} events")]
    for one in record["outputs"]:
        text = (
            f"largest {one['largest']:.4g}, mean {one['mean']:.4g}, spread of the values {one['spread']:.4g}"
        )
        rows.append((f"{one['output']}: |difference|", text))
        if one["agreement"] is not None:
            rows.append((f"{one['output']}: same largest output", f"{100 * one['agreement']:.2f} %"))
        for part in one["separations"]:
            trained, ours = part["auc"]
            rows.append(
                (f"{one['output']}: AUC of class {part['label']}", f"{trained:.5f} trained, {ours:.5f} graph")
            )
    rows.append(("first layer with a large difference", record["first_large"] or "none"))
    return rows


def _section(title: str, file: Path, command: str, project: RtlProject, rows: Reader) -> Section:
    if not file.exists():
        return Section(title, note=f"not run yet: `{command}`")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        design, found = rows(document)
    except KeyError as error:
        lacks = f"{file.name} lacks {error.args[0]}: written by another version, run `{command}` again"
        return Section(title, note=lacks)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"is not a result of `{command}`: {error}", file=file, remedy="run it again"
        ) from error
    stale = None if design == project.circuit else f"of another version of the design: run `{command}` again"
    return Section(title, tuple(found), stale)


def _design(project: RtlProject) -> list[tuple[str, str]]:
    words = ", ".join(f"{port.name} {port.type}" for port in project.outputs)
    return [
        ("top module", project.name),
        ("input words", f"{len(project.inputs)} ({sum(port.width for port in project.inputs)} bits)"),
        ("outputs", words),
        ("operations", f"{project.operations:,}"),
        ("pipeline registers", f"{sum(register.width for register in project.registers):,} bits"),
        ("latency", f"{project.latency} clocks = {project.latency_ns:.1f} ns"),
        ("clock", f"{1000 / project.clock_period_ns:.0f} MHz"),
        ("initiation interval", "1"),
    ]


def _cosim(document: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    checked = ", ".join(f"{name} {count:,}" for name, count in document["checked"].items())
    coverage = document["coverage"]
    rows = [
        ("verdict", ("" if document["passed"] else "FAILED: ") + document["verdict"]),
        ("compared with the emulator", checked),
        ("stimuli", ", ".join(f"{count:,} {kind}" for kind, count in document["stimuli"].items())),
        ("drivers", document["driver"]),
        ("toggle coverage", "-" if coverage is None else f"{100 * coverage:.2f} %"),
        *((document.get("directed") or {}).get("text", {}).items()),
    ]
    return document["digest"], rows


def _synthesis(document: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    required = [f.name for f in fields(Synthesis) if f.default is MISSING and f.default_factory is MISSING]
    given = {f.name: document[f.name] for f in fields(Synthesis) if f.name in document}
    result = Synthesis(**{name: document[name] for name in required} | given)
    return result.design, result.rows()


def to_markdown(name: str, sections: list[Section]) -> str:
    """The report as Markdown."""
    lines = [f"# {name}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.note:
            lines += [f"*{section.note}*", ""]
        if section.rows:
            lines += ["| quantity | value |", "|---|---|"]
            lines += [f"| {key} | {value} |" for key, value in section.rows] + [""]
    return "\n".join(lines)
