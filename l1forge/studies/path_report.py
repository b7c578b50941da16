"""One page about a trigger path: its stages, resources, and what every check of its Verilog found.

Only the Verilog of the path is made anew, to tell which results are of this design; nothing is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import repository
from l1forge.emulator.lhc import BUNCH_SPACING_NS
from l1forge.studies import path_results as results
from l1forge.studies.html import html_table
from l1forge.studies.path_firmware import PathFirmware, described, write_path_firmware

PUBLISHED = (
    ("global trigger, a menu of 465 algorithms", "5 crossings", "6 x 303,800", "–", "1,182 to 1,626 each"),
)
"""The experiment's menu on six Virtex-7 690T boards (433,200 LUT each), as its documents say."""
SHOWN = 12


@dataclass(frozen=True)
class PagePart:
    """A table of the page; ``note`` says what is missing or stale."""

    title: str
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class PathReport:
    """The page about the path ``name``."""

    name: str
    parts: tuple[PagePart, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"path": self.name, "parts": [asdict(part) for part in self.parts]}

    def markdown(self) -> str:
        """The page as Markdown."""
        lines = [f"# {self.name}: trigger path"]
        for part in self.parts:
            lines += ["", f"## {part.title}", ""]
            if part.note:
                lines += [part.note, ""]
            if part.rows:
                table = [part.headings, ["---"] * len(part.headings), *part.rows]
                lines += [f"| {' | '.join(_cell(text) for text in row)} |" for row in table]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """The page as one HTML file."""
        from l1forge.studies.pages.page import render

        return render("path.html.j2", plots=False, title=f"{self.name}: trigger path", report=self)

    def _repr_html_(self) -> str:
        return "".join(html_table(part.title, part.headings, part.rows) for part in self.parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def path_report(description: str | Path | None = None) -> PathReport:
    """Collect what is known of a path; None: the default path.

    Raises
    ------
    InputError
        If the description or a kept result cannot be used, or the path cannot be made.
    """
    chosen, menu = described(description)
    with TemporaryDirectory(prefix="l1forge-path-") as folder:
        made = write_path_firmware(chosen, Path(folder) / chosen.name)
        models = [part.model for part in made.project.parts if part.project]
        budget = [(n, str(c), str(s), f"{s * BUNCH_SPACING_NS:.1f}") for n, c, s in made.budget]
        parts = [
            _design(made),
            PagePart("Latency", ("stage", "clocks", "since the inputs", "ns"), tuple(budget)),
            _resources(models),
            _costs(),
            *_cosimulation(made),
            _menu(menu.name),
            _faults(),
            _formal(menu.name),
        ]
    return PathReport(chosen.name, tuple(parts))


def _design(made: PathFirmware) -> PagePart:
    project, shown = made.project, made.to_dict()
    rows = (
        ("menu", f"{project.menu.name}, {len(project.menu.algorithms)} algorithms"),
        *((f"model {name}", what["rtl"]) for name, what in shown["models"].items()),
        ("clock", f"{project.description.clock_mhz:g} MHz, one crossing each clock"),
        ("registers", f"{shown['registers']:,}, map {shown['map_id']:#010x}"),
        ("circuit", shown["circuit"]),
    )
    return PagePart("Design", ("", ""), rows)


def _resources(models: Sequence[str]) -> PagePart:
    """Rows of docs/synthesis.json beside the experiment's menu."""
    from l1forge.firmware.synth.table import Table

    headings = ("design", "latency", "LUT", "FF", "DSP")
    root = repository()
    file = root / "docs" / "synthesis.json" if root else None
    if file is None or not file.is_file():
        return PagePart("Resources", note="docs/synthesis.json is not here: `l1forge synth-table`")
    table = Table.load(file)
    names = [*models, "menu_default", "trigger_control", "trigger_path"]
    rows, missing = [], []
    for name in names:
        row = table.rows.get(name)
        if row is None:
            missing.append(name)
            continue
        clocks = f"{row.latency_clocks} clocks, {row.latency_clocks * row.clock_period_ns:.1f} ns"
        rows.append((f"{name} ({row.family})", clocks, f"{row.lut:,}", f"{row.ff:,}", f"{row.dsp:,}"))
    note = f"not synthesised yet: {', '.join(missing)} (`l1forge synth-table`)" if missing else None
    return PagePart("Resources", headings, (*rows, *PUBLISHED), note)


def _missing(title: str, kind: str) -> PagePart:
    return PagePart(title, note=f"not run yet: `{results.COMMANDS[kind]}`")


def _costs() -> PagePart:
    from l1forge.studies.menu_costs import FAMILY, HEADINGS, rows_of

    title = f"Cost of one condition ({FAMILY})"
    found = results.kept(results.COSTS, "menu")
    if found is None:
        return _missing(title, results.COSTS)
    with _readable(results.COSTS, "menu"):
        return PagePart(title, HEADINGS, tuple(rows_of(found["costs"])))


def _cosimulation(made: PathFirmware) -> Iterator[PagePart]:
    name = made.project.rtl.name
    found = results.kept(results.COSIM, name)
    if found is None:
        yield _missing("Co-simulation", results.COSIM)
        return
    with _readable(results.COSIM, name):
        rows = [(driver, *_driver(o)) for driver, o in found["drivers"].items()]
        stale = found["circuit"] != made.project.rtl.circuit
        note = f"{found['when']}: {'passed' if found['passed'] else 'FAILED'}"
        if stale:
            note += "; of another design, run `l1forge cosim-path` again"
        headings = (
            "driver",
            "crossings",
            "mismatches",
            "values",
            "answers of registers",
            "sections",
            "accepts",
        )
        yield PagePart("Co-simulation", headings, tuple(rows), note)
        seen = [
            (r["kind"], f"{r['reached']:,}", f"{r['goals']:,}", _listed(r["holes"]))
            for r in found["coverage"]
        ]
        yield PagePart("What the crossings have shown", ("", "seen", "of", "holes"), tuple(seen))


def _driver(o: Mapping[str, Any]) -> tuple[str, ...]:
    compared = o["values_compared"] - o["register_answers"]
    counts = (o["crossings"], o["mismatches"], compared, o["register_answers"], o["sections"], o["accepts"])
    return tuple(f"{count:,}" for count in counts)


def _listed(holes: Sequence[str]) -> str:
    more = f" and {len(holes) - SHOWN:,} more" if len(holes) > SHOWN else ""
    return ", ".join(holes[:SHOWN]) + more or "none"


def _menu(name: str) -> PagePart:
    title = "Menu against emulator"
    found = results.kept(results.MENU, name)
    if found is None:
        return PagePart(title, note="not run yet: `l1forge menu cosim MENU`")
    with _readable(results.MENU, name):
        rows = [
            ("crossings", f"{sum(found['crossings'].values()):,}"),
            ("mismatches", f"{found['mismatches']:,}"),
        ]
        for label, row in ((found["coverage"] or {}).get("table", {})).items():
            rows.append((label, f"{row['reached']:,} of {row['goals'] - row['unreachable']:,}"))
        return PagePart(title, ("", ""), tuple(rows), f"{found['when']}: {found['verilog']}")


def _faults() -> PagePart:
    title = "Fault campaign"
    found = results.kept(results.FAULTS, "path")
    if found is None:
        return _missing(title, results.FAULTS)
    with _readable(results.FAULTS, "path"):
        rows = []
        for c in found["campaigns"]:
            left = c["faults"] - c["caught"] - c["equivalent"]
            numbers = (c["crossings"], c["faults"], c["caught"], c["equivalent"], left)
            rows.append((c["subject"], *(f"{number:,}" for number in numbers)))
        note = f"{found['when']}: {found['share']:.2%} of the faults that can be seen were noticed"
        headings = ("design", "crossings", "faults", "noticed", "proven equivalent", "left")
        return PagePart(title, headings, tuple(rows), note)


def _formal(menu: str) -> PagePart:
    title = "Proofs"
    found = results.kept(results.FORMAL, menu)
    if found is None:
        return _missing(title, results.FORMAL)
    with _readable(results.FORMAL, menu):
        count = Counter((p["method"], p["verdict"]) for p in found["proofs"])
        rows = [(method, verdict, f"{n:,}") for (method, verdict), n in count.items()]
        return PagePart(title, ("holds for", "verdict", "proofs"), tuple(rows), str(found["when"]))


class _readable:
    """Turns what a damaged result raises into the error of its file."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.file = kind, results.place(kind, name)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | TypeError | AttributeError | ValueError) and not isinstance(
            error, InputError
        ):
            raise InputError(
                f"is not a result of `{results.COMMANDS[self.kind]}`: {error!r}",
                file=self.file,
                remedy="run it again",
            ) from error
