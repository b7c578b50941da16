"""`l1forge cosim-path`: the Verilog of a whole trigger path against the emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")

DEEP_ORBITS, ORBITS = 1000, 20

DescriptionArgument = Annotated[
    Path | None,
    typer.Argument(
        help="Description of the path (YAML); control: trigger control alone, algorithm bits as external"
        " signals; default: the default path."
    ),
]
OrbitsOption = Annotated[
    int | None,
    typer.Option(
        "--orbits", "-n", help="LHC orbits of zero bias and signals; default: 20, with --deep 1000.", min=1
    ),
]
DeepOption = Annotated[
    bool, typer.Option("--deep", help="Only the compiled harness, many orbits without gaps and resets.")
]
FastOption = Annotated[bool, typer.Option("--fast", help="Only the compiled harness, without cocotb.")]
VectorsOption = Annotated[
    list[Path] | None, typer.Option("--vectors", help="Test vectors to send as well; repeatable.")
]
NetlistOption = Annotated[
    bool,
    typer.Option("--netlist", help="Synthesise with Yosys and simulate the netlist instead of the Verilog."),
]
SeedOption = Annotated[int, typer.Option(help="Seed of signals, gaps, resets and register values.", min=0)]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder of the Verilog; default: hls_projects/NAME.")
]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


@app.command()
def cosim_path(
    description: DescriptionArgument = None,
    orbits: OrbitsOption = None,
    deep: DeepOption = False,
    fast: FastOption = False,
    vectors: VectorsOption = None,
    seed: SeedOption = 1,
    netlist: NetlistOption = False,
    output: FolderOption = None,
    json_output: JsonOption = None,
) -> None:
    """Compare the Verilog of a trigger path with the emulator: scores, bits, decision, counters, registers.

    Every output is compared in every crossing. Register writes, gaps, resets and lost orbit marks happen on
    the way. Any difference ends with exit code 1. Building the simulation takes some minutes, once.

    Examples:

    `l1forge cosim-path --vectors TestVector.txt`

    `l1forge cosim-path mine.yaml --orbits 4 --fast`

    `l1forge cosim-path control --netlist --fast --orbits 4`

    `l1forge cosim-path --deep` streams 1000 orbits through the compiled harness.
    """
    from l1forge.commands.path_firmware_tables import cosimulation_lines, print_firmware
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.lhc import ORBIT
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies.path_firmware import cosimulate_path

    if deep and vectors:
        raise InputError(
            "has no test vectors", field="--deep", value=str(vectors[0]), remedy="leave one of them out"
        )
    check_folders(output)
    chosen = "control" if description == Path("control") else description
    check_outputs(json_output, inputs=[*([description] if description else []), *(vectors or [])])
    check_event_files(vectors or [])
    console, done = Console(), 0
    with console.status("building the simulation, then crossings") as status:

        def progress(crossings: int) -> None:
            nonlocal done
            done += crossings
            status.update(f"{done / ORBIT:,.0f} orbits")

        result = cosimulate_path(
            chosen,
            orbits=orbits or (DEEP_ORBITS if deep else ORBITS),
            vectors=vectors or (),
            drivers=("deep",) if deep else ("harness",) if fast else ("cocotb", "harness"),
            seed=seed,
            netlist=netlist,
            folder=output,
            progress=progress,
        )
    if json_output:
        write_text(json_output, json.dumps(result.to_dict(), indent=1) + "\n")
    print_firmware(console, result.firmware)
    for line in cosimulation_lines(result):
        console.print(line, highlight=False, markup=False)
    if not result.passed:
        raise typer.Exit(1)
