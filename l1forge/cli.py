"""The `l1forge` command: a table of subcommands, each imported only when it is called."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import os
import shutil
import sys
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from l1forge.emulator.errors import EXIT_BAD_INPUT, SHOWN, InputError, shown_path
from l1forge.emulator.extras import naming_extras
from l1forge.screen.environment import epilog
from l1forge.screen.interrupt import ending_as_interrupts, keep_interrupts

GROUPS = {
    "Study a trigger": {
        "demo": "Run the whole chain once: events, rates, firmware, co-verification.",
        "emulate": "Score events with a model, bit for bit as the firmware does.",
        "rates": "Compute rate against threshold of a score, and signal efficiencies.",
        "efficiency": "Measure efficiencies of a menu, turn-on curves, model seeds against cuts.",
        "prescales": "Compute prescales of a menu for a rate budget, with their cost.",
        "pileup": "Measure rates of a menu against pile-up and luminosity, and extrapolate.",
        "path": "Stream orbits through models, menu, prescales, trigger rules and accept.",
    },
    "Models: train, evaluate, import": {
        "train": "Train a model from its seed and export its graph.",
        "optimise": "Propose settings of a model with few LUTs, small loss and short latency.",
        "evaluate": "Measure an algorithm: efficiencies, rates, figures.",
        "import-model": "Convert a trained network (ONNX, QONNX, PyTorch, Keras) into a graph.",
        "import-bdt": "Convert a trained BDT (TMVA, XGBoost, LightGBM) into a graph.",
        "import-hls": "Convert a generated hls4ml project into a graph.",
    },
    "Firmware: write, synthesise, report": {
        "firmware": "Write the HLS project of a model and compare it exactly with the emulator.",
        "synth": "Measure resources, timing and latency of the generated Verilog.",
        "synth-table": "Synthesise all designs with Yosys into a table, or compare with one.",
        "export-ugt": "Write a model as VHDL with the ports of the global trigger.",
        "export-cmssw": "Write a model as an emulator package of the offline software.",
        "export-rtl": "Write a design as a folder to take away: sources, scripts, testbench.",
        "estimate": "Estimate LUT, FF, latency and longest path from the graph alone.",
        "report": "Write one page about the firmware of a model.",
        "export-c": "Write a model as a self-contained C++17 header.",
    },
    "Menus": {
        "menu": "Check trigger menus against test vectors, compile them, show them.",
    },
    "A project of your own": {
        "new": "Write a small project with a model of your own: training, menu, tests, CI.",
        "verify": "Verify everything that a project declares: models, menu, exports.",
    },
    "Event files: make, convert": {
        "simulate": "Simulate events: Pythia 8, pile-up, detector, trigger objects.",
        "simulate-muons": "Simulate overlap-region muons as integer stubs.",
        "convert": "Convert event files: parquet, HDF5, NanoAOD, test vectors, board patterns.",
    },
    "Checks: firmware against emulator, speed": {
        "cosim": "Compare the Verilog of a model exactly with its emulator and HLS C++.",
        "cosim-path": "Compare the Verilog of the whole trigger path with the emulator.",
        "cosim-muons": "Compare the muon firmware exactly with its emulators.",
        "faults": "Measure how many single faults in Verilog the co-verification notices.",
        "formal": "Check menu conditions, prescaler and trigger rules by proofs of a SAT solver.",
        "prove-monotone": "Prove that a model's outputs are monotone in given inputs, or show where not.",
        "fuzz": "Compare random networks with hls4ml's compiled C++.",
        "bench": "Measure the speed of the emulator and of comparable programs.",
    },
}
"""What people want to do -> name -> one-line help; the code of `import-hls` is commands/import_hls.py."""
SUBCOMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}
PANELS = {name: panel for panel, group in GROUPS.items() for name in group}

UsageError: Any = typer.BadParameter.__base__
"""An unknown option, a missing argument, a value of the wrong kind; typer exports the class under no name."""
COMPLETION = ("install_completion", "show_completion")
"""Options that typer adds to every application, and that belong to none of ours."""


class LazyGroup(TyperGroup):
    """Lists subcommands from the table above and imports one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with the one-line help: all that the list of subcommands shows."""
        if cmd_name not in SUBCOMMANDS:
            return None
        return TyperCommand(
            cmd_name,
            help=SUBCOMMANDS[cmd_name],
            rich_markup_mode="rich",
            rich_help_panel=PANELS[cmd_name],
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The subcommand that is about to run, imported now."""
        name = args[0]
        if name not in SUBCOMMANDS:
            if near := get_close_matches(name, SUBCOMMANDS):
                ctx.fail(f"No such command '{name}', did you mean '{near[0]}'?")
            return super().resolve_command(ctx, args)
        module = importlib.import_module(f"l1forge.commands.{name.replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.name = name
        command.params = [option for option in command.params if option.name not in COMPLETION]
        return name, command, args[1:]


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode="rich", epilog=epilog()
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"l1forge {importlib.metadata.version('l1forge')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Real-time level-1 trigger emulation and firmware generation.

    From one trained model, l1forge makes a bit-exact emulator, an HLS project and vendor-independent
    Verilog, and checks that all of them give the same integers. Start with: l1forge emulate --help
    """


def _usage(error: Any, given: list[str]) -> str:
    """One line; nothing where a group was called without a command, as its help was printed instead."""
    problem = " ".join(error.format_message().split()).rstrip(".")
    if not problem:
        return ""
    named = " ".join(["l1forge", *(name for name in given[:1] if name in SUBCOMMANDS)])
    return f"error: {problem}; see {error.ctx.command_path if error.ctx else named} --help\n"


def speak_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has another encoding.

    File names, tables and JSON of this program are UTF-8; in ``LC_ALL=C`` with ``PYTHONUTF8=0`` the first
    letter with an accent would end it. Streams that cannot show a file name's bytes show their numbers.
    """
    if sys.getfilesystemencoding().lower() not in ("utf-8", "utf8"):
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends with one line on standard error and exit code 2."""
    keep_interrupts()
    if arguments is None:
        speak_utf8()
    try:
        with ending_as_interrupts(), naming_extras():
            sys.exit(app(args=arguments, prog_name="l1forge", standalone_mode=False) or 0)
    except typer.Abort:
        typer.echo("error: aborted", err=True)
        sys.exit(1)
    except UsageError as error:
        given = sys.argv[1:] if arguments is None else arguments
        typer.echo(_usage(error, given), err=True, nl=False)
        sys.exit(EXIT_BAD_INPUT)
    except MemoryError as error:
        said = " ".join(str(error).split())[:SHOWN]
        remedy = "free memory, raise the limit (ulimit -v), or use fewer events or a smaller --block"
        typer.echo(f"error: not enough memory{': ' + said if said else ''}; {remedy}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except UnicodeEncodeError as error:
        shown = error.object[:SHOWN].encode("utf-8", "backslashreplace").decode()
        remedy = "use names in UTF-8, and a locale such as C.UTF-8"
        typer.echo(f"error: cannot be written in {error.encoding} (got '{shown}'); {remedy}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except shutil.Error as error:  # of a folder's copy: (from, to, reason) of each file
        _, target, reason = error.args[0][0]
        typer.echo(f"error: {target}: {reason}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        if error.errno is None:
            raise
        place = shown_path(error.filename or "input or output")
        typer.echo(f"error: {place}: {error.strerror}", err=True)
        sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main()
