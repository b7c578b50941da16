"""How the comparison with the trained network, and types chosen from data, look on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.firmware.hls.choose.choose import Choice
    from l1forge.firmware.hls.fidelity.fidelity import Fidelity

PICTURES = (".png", ".pdf", ".svg")


def check_names(paths: Sequence[Path], option: str) -> None:
    """Raise InputError unless each file can hold JSON or a picture, by its name."""
    for path in paths:
        if path.suffix not in (".json", *PICTURES):
            raise InputError(
                "the file format is not known from its name",
                file=path,
                field=option,
                value=path.suffix,
                remedy=f"name it .json, {', '.join(PICTURES)}",
            )


def show_fidelity(found: Fidelity, paths: Sequence[Path], console: Console) -> None:
    """Print the tables of outputs and layers, and write JSON or the picture to each of ``paths``."""
    from l1forge.firmware.hls.fidelity.plot import plot_layers

    for line in _input_lines(found):
        console.print(line)
    console.print(_outputs(found))
    for line in _output_lines(found):
        console.print(line)
    console.print(_layers(found))
    if found.first_large is not None:
        console.print(f"the difference becomes large (rms above 10 % of the spread) in {found.first_large}")
    for note in found.notes:
        console.print(f"note: {note}")
    for path in paths:
        if path.suffix == ".json":
            write_text(path, json.dumps(found.document(), indent=1) + "\n")
        else:
            plot_layers(found.layers, path)


def _input_lines(found: Fidelity) -> list[str]:
    lines = [f"data: {found.data}, {found.events:,} events; {found.description}"]
    for name, counts in found.casts.items():
        beyond = [(counts.saturated, "saturate"), (counts.wrapped, "wrap")]
        lines += [f"input {name}: {count:,} values {what}" for count, what in beyond if count]
    return lines


def _outputs(found: Fidelity) -> Table:
    framework = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    table = Table(title=f"outputs: graph − {framework}")
    quantiles = [f"{100 * q:g} %" for q, _ in found.outputs[0].quantiles]
    for heading in (
        "output",
        "largest |Δ|",
        "mean |Δ|",
        "mean Δ",
        *quantiles,
        "spread",
        "correlation",
        "argmax",
    ):
        table.add_column(heading, justify="left" if heading == "output" else "right")
    for one in found.outputs:
        correlation = "-" if one.correlation is None else f"{one.correlation:.6f}"
        agreement = "-" if one.agreement is None else f"{100 * one.agreement:.2f} %"
        numbers = [one.largest, one.mean, one.bias, *(value for _, value in one.quantiles), one.spread]
        table.add_row(one.output, *(f"{value:.4g}" for value in numbers), correlation, agreement)
    return table


def _output_lines(found: Fidelity) -> list[str]:
    lines = []
    for one in found.outputs:
        if one.flips is not None and one.flips.events:
            lines.append(
                f"{one.output}: argmax differs in {one.flips.events:,} of {one.events:,} events,"
                f" where the trained network's margin is {one.flips.median_margin:.3g} (median),"
                f" {one.flips.largest_margin:.3g} (largest)"
            )
        for part in one.separations:
            lines.append(
                f"{one.output}, class {part.label}: AUC {part.auc[0]:.5f} trained, {part.auc[1]:.5f} graph;"
                f" efficiency at {100 * part.background:g} % background {100 * part.efficiency[0]:.2f} %"
                f" trained, {100 * part.efficiency[1]:.2f} % graph"
            )
    return lines


def _layers(found: Fidelity) -> Table:
    table = Table(title=f"layers, {found.layer_events:,} events")
    for heading in (
        "layer",
        "type",
        "saturated",
        "wrapped",
        "to zero",
        "bits used",
        "values",
        "rms Δ / spread",
    ):
        table.add_column(heading, justify="left" if heading in ("layer", "type") else "right")
    for layer in found.layers:
        shares = [_share(value) for value in (layer.saturated, layer.wrapped, layer.zeroed)]
        difference = "-" if layer.difference is None else f"{layer.difference:.3g}"
        bits = f"{layer.bits} of {layer.type.width}"
        values = f"{layer.least:.4g} .. {layer.most:.4g}"
        table.add_row(layer.layer, str(layer.type), *shares, bits, values, difference)
    return table


def _share(value: float) -> str:
    return "0" if value == 0 else f"{100 * value:.2g} %"


def show_choice(choice: Choice, types: Path, curves: Sequence[Path], console: Console) -> None:
    """Print what was chosen, write the types file, and the trade-off curve as JSON or picture."""
    from l1forge.firmware.hls.choose.plot import plot_curve

    table = Table(title=f"types chosen from {choice.events[0]:,} events, {choice.candidates} conversions")
    for heading in ("layer", "use", "type", "values"):
        table.add_column(heading)
    for tensor in choice.tensors:
        table.add_row(tensor.layer, tensor.key, str(tensor.type), f"{tensor.low:.4g} .. {tensor.high:.4g}")
    console.print(table)
    error = "" if choice.uncertainty is None else f" ± {choice.uncertainty:.2g}"
    console.print(
        f"loss {choice.loss}: {choice.kept:.4g} on the events used to choose,"
        f" {choice.held_out:.4g}{error} on the other {choice.events[1]:,}"
    )
    if not choice.keeps:
        console.print("warning: the loss is larger on the other events: give --choose more events")
    best = next(point for point in choice.curve if point.chosen)
    rtl = best.rtl
    said = (
        ""
        if rtl is None
        else f"; RTL generator: {rtl.luts:,.0f} LUTs, {rtl.latency} clocks of {rtl.clock_ns:.2f} ns"
    )
    estimated = f"{best.luts:,.0f} LUTs, {best.ff:,} FF, {best.clocks} clocks"
    console.print(f"estimate: {estimated}, routed period about {best.routed_ns:.1f} ns{said}")
    choice.types.save(types)
    console.print(f"wrote types to {types}; use it with import-model --types, or as hls_config of hls4ml")
    for path in curves:
        if path.suffix == ".json":
            write_text(path, json.dumps(choice.document(), indent=1) + "\n")
        else:
            plot_curve(choice, path)
