"""`l1forge menu`: check menus against test vectors, compile them, show them."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from l1forge.emulator.menu.checks.check import CheckResult
    from l1forge.emulator.menu.compiled import CompiledMenu, Condition
    from l1forge.studies.menu_firmware import MenuCosimulation

from l1forge.commands.ci_options import Github, Junit

EXIT_INCOMPLETE = 3
"""Exit code if nothing disagrees but not everything was compared; 1 is a disagreement, 2 bad input."""

app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True)


class JudgeName(StrEnum):
    """Which behaviour is the reference where the software emulator and the firmware differ."""

    emulator = "emulator"
    firmware = "firmware"


class OverlapName(StrEnum):
    """How overlap removal with an object of reference decides."""

    any_free = "any_free"
    none_overlaps = "none_overlaps"


OverlapOption = Annotated[
    OverlapName | None,
    typer.Option(
        help="Rule of overlap removal: any_free (one reference object without overlap is enough, since "
        "2022) or none_overlaps (no reference object may overlap, before 2022); default: by the year in the "
        "name of an official menu, else as written in the menu."
    ),
]
JudgeOption = Annotated[
    JudgeName | None,
    typer.Option(
        help="Whether to follow the CMS emulator or its firmware where they differ; default: as in the menu."
    ),
]
MenuArgument = Annotated[Path, typer.Argument(help="Menu file: .yaml, official .xml, or compiled .json.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the table to this JSON file.")]
AllowOption = Annotated[
    Path | None,
    typer.Option(help="YAML file that lists documented disagreements: algorithm, reason, vectors."),
]
ScoresOption = Annotated[
    Path | None, typer.Option(help="Raw model scores, .parquet or .npz, one row per crossing.")
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model", help="name=graph.json: the graph that computes the scores of that model; repeatable."
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Ignore the list of official vectors known to be wrong.")
]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-unevaluated",
        help="Exit with code 0 also if the verdict is INCOMPLETE: some seeds have no scores, or the FinOR "
        "differs only because of them or of documented disagreements.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Also list the algorithms that match.")]


@app.callback()
def menu() -> None:
    """Work with trigger menus: YAML with seeds in the CMS grammar, official menu XML, compiled JSON.

    Example: `l1forge menu check L1Menu.xml TestVector.txt`
    """


def _load(path: Path, judge: JudgeName | None, overlap: OverlapName | None) -> CompiledMenu:
    """The menu, compiled by the requested rules; the compiler's notes go to standard error."""
    from l1forge.emulator.menu.language.load import load_menu

    compiled = load_menu(path, judge.value if judge else None, overlap.value if overlap else None)
    for note in compiled.notes:
        typer.echo(f"note: {note}", err=True)
    return compiled


@app.command()
def check(
    menu: MenuArgument,
    vectors: Annotated[list[Path], typer.Argument(help="Test-vector files.")],
    allow: AllowOption = None,
    scores: ScoresOption = None,
    model: ModelOption = None,
    judge: JudgeOption = None,
    overlap: OverlapOption = None,
    strict: StrictOption = False,
    accept_unevaluated: AcceptOption = False,
    everything: AllOption = False,
    json_output: JsonOption = None,
    junit: Junit = None,
    github: Github = False,
) -> None:
    """Compare a menu's decisions with test vectors, bit by bit.

    Verdicts and exit codes:

    PASS (0): everything agrees, or the disagreement is documented.

    FAIL (1): an algorithm disagrees, and this is documented neither in the menu's `known`, nor with
    `--allow`, nor in the list of official test vectors that are known to be wrong
    (emulator/menu/known.yaml).

    INCOMPLETE (3; 0 with `--accept-unevaluated`): no such disagreement, but some seeds could not be
    evaluated, or the FinOR differs because of them or of documented disagreements.

    Examples:

    `l1forge menu check menu.xml TestVector.txt`

    `l1forge menu check menu.json data.txt --allow known.yaml --all`

    `l1forge menu check menu.yaml v.txt --scores scores.parquet` (from `l1forge emulate MODEL v.txt -o …`)
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.menu.checks.check import FAIL, INCOMPLETE
    from l1forge.screen import ci
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.menu import check_menu
    from l1forge.studies.verify_project import vector_check

    check_outputs(json_output, junit, inputs=[menu, *vectors, *([scores] if scores else [])])
    if scores and model:
        raise InputError(
            "needs the models' scores or their graphs, not both", field="--model", value=model[0]
        )
    compared = check_menu(
        _load(menu, judge, overlap), vectors, allow=allow, scores=scores, models=model or [], strict=strict
    )
    for result in compared.results:
        _print_check(result, everything, accept_unevaluated)
    if json_output:
        tables = [result.to_dict() for result in compared.results]
        write_text(json_output, json.dumps(tables, indent=1) + "\n")
    ci.report(
        "l1forge", [vector_check(result, accept_unevaluated) for result in compared.results], junit, github
    )
    if compared.verdict == FAIL:
        raise typer.Exit(1)
    if compared.verdict == INCOMPLETE and not accept_unevaluated:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print_check(result: CheckResult, everything: bool, accepted: bool) -> None:
    from rich.table import Table

    from l1forge.emulator.menu.checks.check import INCOMPLETE, KNOWN, MATCH, MISMATCH, UNSCORED
    from l1forge.screen.console import Console

    console = Console()
    table = Table(title=f"{result.menu}: {Path(result.vectors).name}, {result.crossings} crossings")
    for name in ("bit", "algorithm", "expected", "ours", "differences", "status"):
        table.add_column(name, justify="left" if name in ("algorithm", "status") else "right")
    for item in result.algorithms:
        if item.status == MATCH and not everything:
            continue
        style = "red" if item.status == MISMATCH else None
        status = item.status + (f": {item.reason}" if item.reason else "")
        if item.status == MISMATCH:
            status += f" in rows {', '.join(map(str, item.crossings))}"
        row = (item.index, item.name, item.expected, item.ours, item.differences)
        table.add_row(*map(str, row), status, style=style)
    if table.row_count:
        console.print(table)
    total = len(result.algorithms)
    parts = [f"{result.count(MATCH)}/{total} algorithms match"]
    for status in (KNOWN, UNSCORED, MISMATCH):
        if result.count(status):
            parts.append(f"{result.count(status)} {status}")
    agree = result.crossings - result.finor_differences
    parts.append(f"FinOR {agree}/{result.crossings}")
    if result.undefined_bits:
        parts.append(f"bits set but not in the menu: {', '.join(map(str, result.undefined_bits))}")
    for note in result.notes:
        console.print(f"[yellow]note:[/] {note}", highlight=False)
    verdict = result.verdict
    if verdict == INCOMPLETE:
        verdict += " (accepted)" if accepted else " (exit code 3; --accept-unevaluated accepts this)"
    console.print(f"{verdict}: {'; '.join(parts)}", highlight=False)


@app.command("compile")
def compile_(
    menu: MenuArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file for the compiled menu.")],
    judge: JudgeOption = None,
    overlap: OverlapOption = None,
) -> None:
    """Compile a menu to hardware integers (docs/menu.md).

    Example: `l1forge menu compile L1Menu.xml -o L1Menu.json`
    """
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.menu import compile_menu

    check_outputs(output, inputs=[menu])
    compiled = compile_menu(_load(menu, judge, overlap), output).menu
    typer.echo(f"{len(compiled.algorithms)} algorithms, {len(compiled.conditions)} conditions -> {output}")


@app.command()
def show(
    menu: MenuArgument,
    algorithm: Annotated[str | None, typer.Argument(help="Name or bit of the algorithm to show.")] = None,
    json_output: JsonOption = None,
) -> None:
    """List the algorithms of a menu, or show the hardware integers of one algorithm.

    Examples: `l1forge menu show menu.yaml`, `l1forge menu show menu.xml L1_SingleMu22`
    """
    from rich.table import Table

    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.menu.compiled import condition_names
    from l1forge.emulator.menu.language.load import load_menu
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs

    check_outputs(json_output, inputs=[menu])
    compiled = load_menu(menu)
    chosen = [a for a in compiled.algorithms if algorithm in (None, a.name, str(a.index))]
    if not chosen:
        raise InputError("the menu has no such algorithm", file=menu, value=algorithm)
    table = Table(title=f"{compiled.name} (judge: {compiled.judge}, overlap: {compiled.overlap})")
    for name in ("bit", "algorithm", "seed"):
        table.add_column(name, overflow="fold")
    for item in chosen:
        table.add_row(str(item.index), item.name, item.grammar.replace("[", "\\["))
    console = Console()
    console.print(table)
    if algorithm is not None:
        for name in dict.fromkeys(condition_names(chosen[0].expression)):
            console.print(f"{name}: {_describe(compiled.conditions[name])}", highlight=False, markup=False)
    if json_output:
        rows = [item.model_dump(mode="json") for item in chosen]
        write_text(json_output, json.dumps(rows, indent=1) + "\n")


@app.command()
def bench(
    menu: MenuArgument,
    events: Annotated[Path, typer.Argument(help="Event file or test vector.")],
    crossings: Annotated[
        int,
        typer.Option(
            min=1000, help="Number of crossings to evaluate; the file is read again if it has fewer."
        ),
    ] = 500_000,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads of the kernels.")] = 2,
    json_output: JsonOption = None,
) -> None:
    """Measure crossings per second of the compiled kernels and of the same menu written in NumPy.

    The exit code is 1 if their decisions differ.

    Example: `l1forge menu bench menu.xml simulation/sample/zerobias.parquet`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.menu.checks.bench import measure
    from l1forge.emulator.menu.language.load import load_menu
    from l1forge.screen.outputs import check_outputs

    check_outputs(json_output, inputs=[menu, events])
    result = measure(load_menu(menu), events, crossings, threads)
    typer.echo(
        f"kernels {result.kernels / 1e6:.2f} M crossings/s with {threads} threads "
        f"({result.per_core / 1e6:.2f} M per CPU second), NumPy {result.peer / 1e3:.1f} k: "
        f"ratio {result.kernels / result.peer:.0f}; {result.differences} differences"
        + (
            f"; {result.not_evaluated} seeds left out: their inputs are absent"
            if result.not_evaluated
            else ""
        )
    )
    if json_output:
        write_text(json_output, json.dumps(asdict(result), indent=1) + "\n")
    if result.differences:
        raise typer.Exit(1)


ScoreOption = Annotated[
    str, typer.Option("--score", help="Model whose score the seed is on, or MODEL.OUTPUT.", metavar="NAME")
]
RateOption = Annotated[str, typer.Option("--rate", help="Largest rate of the seed, such as 1kHz.")]
PureOption = Annotated[
    bool, typer.Option("--pure", help="RATE counts only crossings that no other seed of the menu takes.")
]


@app.command()
def add(
    menu: MenuArgument,
    score: ScoreOption,
    rate: RateOption,
    pure: PureOption = False,
    zero_bias: Annotated[
        Path | None, typer.Option(help="Zero-bias event file; default: the project's or the committed one.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the seed; default: L1_NAME.")] = None,
    model: ModelOption = None,
    trained_on: Annotated[
        bool, typer.Option("--trained-on", help="Also use the zero-bias crossings that trained the models.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Menu file to write; default: MENU itself.")
    ] = None,
    json_output: JsonOption = None,
) -> None:
    """Write a seed on a model's score into a YAML menu, with the threshold that gives a rate.

    A seed that the menu already has on this score, under this name, gets the new threshold. Comments stay.

    Examples:

    `l1forge menu add menu.yaml --score my_trigger --rate 1kHz --pure`

    `l1forge menu add menu.yaml --score axo --model axo=axo.json --rate 5 --zero-bias zb.parquet`
    """
    from rich.progress import Progress

    from l1forge.emulator.atomic import write_text
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.menu_add import add_seed
    from l1forge.studies.rates_inputs import parse_target

    check_outputs(json_output, inputs=[menu, *([zero_bias] if zero_bias else [])])
    check_outputs(output, inputs=[zero_bias] if zero_bias else [])
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("crossings", total=None)
        added = add_seed(
            menu,
            score,
            parse_target(f"rate={rate}")[1],
            zero_bias=zero_bias,
            pure=pure,
            name=name,
            models=model or [],
            trained_on=trained_on,
            output=output,
            seen=lambda crossings: bar.advance(task, crossings),
        )
    up, down = added.rate_high_khz - added.rate_khz, added.rate_khz - added.rate_low_khz
    kind = "pure rate" if added.pure else "rate"
    console.print(f"bit {added.index} {added.name}: {added.seed}", highlight=False, markup=False)
    console.print(
        f"{kind} {added.rate_khz:.3f} +{up:.3f} −{down:.3f} kHz on {added.crossings:,} zero-bias crossings",
        highlight=False,
    )
    if added.not_evaluated:
        console.print(f"not evaluated, so not in the other seeds: {', '.join(added.not_evaluated)}")
    console.print(
        f"replaced: {added.replaced}" if added.replaced else f"new seed in {added.menu}", highlight=False
    )
    if json_output:
        write_text(json_output, json.dumps(added.to_dict(), indent=1) + "\n")


CrossingsOption = Annotated[int, typer.Option("-n", help="Crossings of each kind of stimuli.", min=1)]
SeedOption = Annotated[int, typer.Option(help="Seed of the drawn crossings and scores.", min=0)]
EventsOption = Annotated[
    list[Path] | None, typer.Option("--events", help="Event files whose first crossings are sent, too.")
]
VectorsOption = Annotated[
    list[Path] | None,
    typer.Option("--vectors", help="Test vectors; their algorithm bits are compared, too."),
]
DirectedOption = Annotated[
    bool,
    typer.Option(
        "--directed/--no-directed", help="Also send crossings that are searched for what the menu asks."
    ),
]
NetlistOption = Annotated[
    bool,
    typer.Option("--netlist", help="Synthesise with Yosys and simulate the netlist instead of the Verilog."),
]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder of the Verilog; default: build/rtl/menu_NAME.")
]


@app.command()
def firmware(
    menu: MenuArgument,
    output: FolderOption = None,
    judge: JudgeOption = None,
    overlap: OverlapOption = None,
    json_output: JsonOption = None,
) -> None:
    """Write a menu as Verilog: one crossing per clock, one output for every seed.

    Example: `l1forge menu firmware emulator/menu/default.yaml -o build/menu_rtl`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.menu_firmware import write_menu_firmware

    check_folders(output)
    check_outputs(json_output, inputs=[menu])
    written = write_menu_firmware(_load(menu, judge, overlap), output)
    project = written.project
    typer.echo(
        f"{len(project.outputs)} seeds, {project.operations} conditions, {len(project.inputs)} input ports;"
        f" latency {project.latency} crossings -> {project.folder}"
    )
    if json_output:
        write_text(json_output, json.dumps(written.to_dict(), indent=1) + "\n")


@app.command()
def cosim(
    menu: MenuArgument,
    n: CrossingsOption = 20_000,
    events: EventsOption = None,
    vectors: VectorsOption = None,
    seed: SeedOption = 1,
    directed: DirectedOption = True,
    netlist: NetlistOption = False,
    output: FolderOption = None,
    judge: JudgeOption = None,
    overlap: OverlapOption = None,
    json_output: JsonOption = None,
) -> None:
    """Compare the Verilog of a menu with the emulator, seed by seed and crossing by crossing.

    Crossings are searched that make every seed true and false by each of its conditions; a table says what
    was seen and what was not. Any difference ends with exit code 1. Building the simulation of a large menu
    takes some minutes, once.

    Examples:

    `l1forge menu cosim emulator/menu/default.yaml --events simulation/sample/ttbar.parquet`

    `l1forge menu cosim L1Menu.xml --vectors TestVector.txt`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies.menu_firmware import cosimulate_menu

    check_folders(output)
    check_outputs(json_output, inputs=[menu, *(events or []), *(vectors or [])])
    check_event_files([*(events or []), *(vectors or [])])
    console = Console()
    with console.status("building the simulation, then crossings"):
        result = cosimulate_menu(
            _load(menu, judge, overlap),
            n=n,
            events=events or (),
            vectors=vectors or (),
            seed=seed,
            folder=output,
            directed=directed,
            netlist=netlist,
        )
    if json_output:
        write_text(json_output, json.dumps(result.to_dict(), indent=1) + "\n")
    for line in cosimulation_lines(result):
        console.print(line, highlight=False, markup=False)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def costs(
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds of conditions; default: all.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Page whose table is refreshed.")] = None,
    json_output: JsonOption = None,
) -> None:
    """Measure what one condition of each kind costs in LUT, FF and DSP, by Yosys for 7 series.

    Takes some minutes; what Yosys found before is in the cache.

    Examples: `l1forge menu costs`, `l1forge menu costs "four jets" --json four.json`
    """
    from l1forge.commands.faults import markdown
    from l1forge.emulator.atomic import write_text
    from l1forge.firmware.synth import table as pages
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.menu_costs import HEADINGS, menu_costs

    check_outputs(json_output, docs)
    if docs is not None:
        pages.halves(docs, COSTS)
    console = Console()
    with console.status("synthesising") as status:
        found = menu_costs(kinds or (), progress=status.update)
    rows = [cost.row() for cost in found.costs]
    if json_output:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if docs is not None:
        pages.refresh(docs, COSTS, markdown(HEADINGS, rows))
    for line in (HEADINGS, *rows):
        console.print(" | ".join(line), highlight=False, markup=False)


COSTS = ("<!-- condition costs: written by l1forge menu costs -->", "<!-- end of condition costs -->")


def cosimulation_lines(result: MenuCosimulation) -> list[str]:
    """What was sent, which seeds were never both true and false, and the verdict."""
    from l1forge.emulator.menu.checks.check import KNOWN, MATCH, MISMATCH, UNSCORED

    found = result.outcome
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.crossings.items())
    lines = [f"stimuli: {kinds}; latency {found.latency} crossings, checked on every clock", *found.examples]
    seeds = len(found.seeds)
    lines.append(f"seeds seen true and false: {seeds - len(found.holes)} of {seeds}")
    if found.holes:
        lines.append(f"not seen both ways: {', '.join(found.holes)}")
    if found.coverage is not None:
        lines += found.coverage.lines()
    for vectors in result.vectors:
        counts = {status: vectors.count(status) for status in (KNOWN, UNSCORED, MISMATCH)}
        others = {KNOWN: "documented", UNSCORED: "without scores: drawn for the Verilog", MISMATCH: "NOT"}
        parts = [f"{vectors.count(MATCH)} of {seeds} seeds as published"]
        parts += [f"{count} {others[status]}" for status, count in counts.items() if count]
        lines.append(f"{Path(vectors.vectors).name}: {', '.join(parts)}")
    verdict = (
        f"{found.mismatches} mismatches in {found.total:,} crossings × {seeds} seeds × 2 implementations"
    )
    if found.missing or found.misplaced:
        verdict += f"; {found.missing} results missing, {found.misplaced} at the wrong clock"
    return [*lines, verdict]


def _describe(condition: Condition) -> str:
    return json.dumps(condition.model_dump(mode="json", exclude_defaults=True))
