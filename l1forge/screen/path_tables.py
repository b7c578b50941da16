"""What `l1forge path` shows: a live line while it streams, tables at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from l1forge.emulator.events.source import EventSource
from l1forge.emulator.lhc import CROSSING_FREQUENCY, ORBIT
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.excluded import INPUTS, Excluded
from l1forge.emulator.path.counters import PathReport
from l1forge.emulator.path.path import Decision, TriggerPath
from l1forge.emulator.stream.blocks import ReplayStream
from l1forge.emulator.stream.open import Stream
from l1forge.screen.console import Console
from l1forge.screen.progress import bar

NAMED = 8
"""Seeds that a line names."""
BX_NS = 1e9 / CROSSING_FREQUENCY


def watched(
    path: TriggerPath, decisions: Iterable[Decision], orbits: int | None, stopped: Callable[[], bool]
) -> Iterator[Decision]:
    """``decisions`` until ``stopped()``; speed, its ratio to the LHC and accept rate on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with bar(*columns) as progress:
        task = progress.add_task(
            "compiling kernels (first run only)", total=orbits * ORBIT if orbits else None
        )
        for decision in decisions:
            yield decision
            if stopped():
                return
            report = path.report()
            progress.update(
                task,
                advance=decision.block.n,
                description=f"orbit {report.crossings // ORBIT}, {_speed(report)}, "
                f"accepts {report.accept_rate / 1e3:.1f} kHz",
            )


def _speed(report: PathReport) -> str:
    return f"{report.speed / 1e6:.2f} M crossings/s = {report.speed / CROSSING_FREQUENCY:.3f} of 40.079 MHz"


def print_report(
    console: Console,
    report: PathReport,
    source: EventSource,
    stream: Stream,
    latencies: Mapping[str, Mapping[str, float]],
) -> None:
    """Algorithm rates, accept rate, dead time per reason, latency, speed, and everything that was lost."""
    table = Table(title=f"{report.menu}: {report.crossings / ORBIT:g} orbits of {source.path.name}")
    table.add_column("bit", justify="right")
    table.add_column("algorithm", overflow="fold")
    # rich takes a bare [kHz] for markup and drops it
    for heading in ("prescale", "before \\[kHz]", "± \\[kHz]", "after \\[kHz]", "accepted \\[kHz]"):
        table.add_column(heading, justify="right")
    for row in report.algorithms():
        values = (f"{value / 1e3:.3f}" for value in (row.before, row.error, row.after, row.accepted))
        table.add_row(str(row.index), row.name, f"{row.prescale:g}", *values)
    console.print(table)
    if report.excluded:
        console.print(f"[yellow]{len(report.excluded)} seeds were not evaluated and are not in this table[/]")
    accounts = report.accounts
    summary = Table(title="Level-1 accept", show_header=False)
    summary.add_row("FinOR", f"{report.rate(report.finor) / 1e3:.2f} kHz")
    counted = f"({accounts.accepts} in {report.simulated:.4f} s)"
    summary.add_row("accepts", f"{report.accept_rate / 1e3:.2f} kHz {counted}")
    if report.repeats > 1:
        summary.add_row(
            "events", f"each used {report.repeats:.1f} times; the errors are those of the sample read once"
        )
    summary.add_row("dead time", f"{100 * accounts.dead_time:.3f} % of the colliding crossings")
    for reason, lost in accounts.lost.items():
        dead = 100 * accounts.dead[reason] / max(accounts.live_crossings, 1)
        summary.add_row(f"  {reason}", f"{lost} requests lost, {dead:.3f} %")
    for model, latency in latencies.items():
        text = "this graph has no RTL yet; l1forge cosim writes it"
        if latency:
            text = f"{latency['clocks']:g} clocks = {latency['ns']:.1f} ns = {latency['ns'] / BX_NS:.1f} BX"
        summary.add_row(f"latency of {model}", text)
    busy = ", ".join(
        f"{stage} {1e9 * seconds / max(report.crossings, 1):.0f}" for stage, seconds in report.seconds.items()
    )
    summary.add_row("CPU time per crossing", f"{busy} ns; {report.threads} threads")
    summary.add_row("speed", _speed(report))
    console.print(summary)
    for note, count in sorted(source.notes.items()):
        console.print(f"[yellow]{count}[/] {note}")
    if isinstance(stream, ReplayStream) and stream.missing:
        console.print(f"[yellow]the last orbit is incomplete: {stream.missing} crossings are missing[/]")
    if isinstance(stream, ReplayStream) and stream.repeats and (stream.turn or 0) % ORBIT:
        console.print(
            f"[yellow]{source.path.name}: {stream.turn} rows are not a multiple of the {ORBIT} of an orbit[/]"
            ": where the file is read again, crossings follow each other that were not consecutive"
        )


def print_excluded(console: Console, menu: CompiledMenu, excluded: Sequence[Excluded]) -> None:
    """Absent external signals, each once, and for every reason the seeds that are not evaluated."""
    from l1forge.emulator.menu.excluded import external_names

    reasons: dict[str, list[Excluded]] = {}
    for seed in excluded:
        reasons.setdefault(seed.reason, []).append(seed)
    for reason, seeds in reasons.items():
        names = [seed.name for seed in seeds]
        more = f" and {len(names) - NAMED} more (--json lists all)" if len(names) > NAMED else ""
        console.print(
            f"[yellow]{len(names)} of {len(menu.algorithms)} seeds are not evaluated"
            f" and do not enter the FinOR[/]: {reason}: {', '.join(names[:NAMED])}{more}",
            highlight=False,
        )
    absent = [seed.index for seed in excluded if INPUTS["ext"] in seed.reason]
    if absent:
        console.print(
            f"[yellow]absent external signals[/]: {', '.join(external_names(menu, absent))}", highlight=False
        )


def print_costs(console: Console, costs: Mapping[str, float]) -> None:
    """CPU time per seed, the largest first."""
    table = Table(title="CPU time of each seed, evaluated alone")
    table.add_column("algorithm")
    table.add_column("ns per crossing", justify="right")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{cost:.1f}")
    console.print(table)
