"""From a fixed-point graph to a pipelined Verilog project: trace, split into stages, write, describe."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.firmware.rtl import accumulate, trees
from l1forge.firmware.rtl import lookup as tables
from l1forge.firmware.rtl.divide import divided
from l1forge.firmware.rtl.early_constants import constants_first
from l1forge.firmware.rtl.lowering import inputs_of, lower
from l1forge.firmware.rtl.pipeline import MARGIN, Schedule, schedule, with_stages
from l1forge.firmware.rtl.ports import Precision, identifier, input_ports, output_ports, top_module
from l1forge.firmware.rtl.project import MANIFEST, RtlProject
from l1forge.firmware.rtl.vhdl import top_entity

if TYPE_CHECKING:
    from alkaid.stateful.fsm import FSM
    from alkaid.types import CombLogic

VERILOG, VHDL = "verilog", "vhdl"
SUFFIX = {VERILOG: "v", VHDL: "vhd"}
INSTANCE = {VERILOG: r"\b{} #\(", VHDL: r"\bwork\.{}\b"}
"""How a module of alkaid's own sources is used."""
TIMESCALE = "`timescale 1 ns / 1 ps"
LOWERING_MODULES = (accumulate, tables, trees)  # imported for their registered operations


def digest_of(graph: Graph, stages: int | None, clock_period_ns: float, language: str = VERILOG) -> str:
    """Identifies the result: the graph, the parameters, alkaid's version and this generator's source."""
    state = hashlib.sha256(graph.to_json().encode())
    state.update(f"{language} {stages} {clock_period_ns} {importlib.metadata.version('alkaid')}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        state.update(file.read_bytes())
    return state.hexdigest()


def generate(
    graph: Graph,
    out_dir: str | Path,
    *,
    outputs: Sequence[str] | None = None,
    stages: int | None = None,
    clock_period_ns: float = CLOCK_PERIOD_NS,
    language: str = VERILOG,
) -> RtlProject:
    """Write fully pipelined RTL (initiation interval 1) for ``graph``; found again if nothing changed.

    Parameters
    ----------
    out_dir
        Folder of the project; replaced as a whole once the new project is complete.
    outputs
        Nodes to bring out as ports (the graph's outputs if not given); what they do not need is left out.
    stages
        Pipeline stages of logic. If not given, as many as the delay model needs for ``clock_period_ns``.
    clock_period_ns
        Multiplications and tables slower than this are divided (``divide.py``).
    language
        ``verilog``, or ``vhdl`` (VHDL-2008) with the same ports and clocks.

    Raises
    ------
    InputError
        If an operation, a type or a constant cannot be expressed.
    """
    if stages is not None and stages < 1:
        raise InputError("must be at least 1", field="stages", value=stages)
    if clock_period_ns <= 0:
        raise InputError("must be positive", field="clock period", value=clock_period_ns)
    graph = graph.subgraph(outputs or graph.outputs)
    if not graph.inputs:
        raise InputError(
            "no result depends on an input: there is nothing to synthesise",
            file=graph.file,
            field="outputs",
            value=", ".join(graph.outputs),
            remedy="choose outputs that an input reaches",
        )
    target, digest = Path(out_dir), digest_of(graph, stages, clock_period_ns, language)
    if (target / MANIFEST).exists():
        try:
            known = RtlProject.load(target)
        except InputError:
            known = None  # damaged or of an older version: made again below
        if known is not None and known.digest == digest:
            return known
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        temporary.chmod(0o755)
        _write(graph, temporary, digest, stages, clock_period_ns, language).save()
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return RtlProject.load(target)


def trace(graph: Graph) -> Any:
    """The graph as alkaid's combinational program (``CombLogic``); input elements in graph order."""
    from alkaid.trace import trace as alkaid_trace

    variables = inputs_of(graph)
    tensors = lower(graph, variables)
    flat_in = [v for node in graph.inputs for v in variables[node.name].ravel()]
    flat_out = [v for name in graph.outputs for v in tensors[name].ravel()]
    return alkaid_trace(flat_in, flat_out)


def planned(program: CombLogic, stages: int | None, period_ns: float) -> tuple[Any, Schedule]:
    """The program that becomes Verilog and its stages.

    What is slower than the clock is divided, if that makes the longest stage shorter.
    """
    from alkaid.trace.passes import add_surrogate, dead_code_elimin

    def prepared(program: CombLogic) -> tuple[Any, Schedule]:
        ready = add_surrogate(constants_first(dead_code_elimin(program)), _skip_op8_cost=True)
        return ready, schedule(ready, stages, period_ns)

    whole, plan = prepared(program)
    limit = period_ns / (1 + MARGIN)
    if max(plan.delays) <= limit:
        return whole, plan
    pieces = divided(program, limit)
    if pieces is program:
        return whole, plan
    finer, finer_plan = prepared(pieces)
    return (finer, finer_plan) if max(finer_plan.delays) < max(plan.delays) else (whole, plan)


def _write(
    graph: Graph, folder: Path, digest: str, stages: int | None, clock_period_ns: float, language: str
) -> RtlProject:
    import alkaid.codegen.rtl
    from alkaid.codegen.rtl import verilog, vhdl
    from alkaid.trace.pipeline import to_pipeline

    name = identifier(graph.name or "model")
    program, plan = planned(trace(graph), stages, clock_period_ns)
    machine = to_pipeline(with_stages(program, plan), n_stages=plan.busy, verbose=False)
    base = name.rstrip("_")  # two underscores in a row would be mangled by Verilator
    core = f"{base}_core"
    codes = {VERILOG: verilog, VHDL: vhdl}[language].fsm_logic_gen(machine, core, timescale=TIMESCALE)
    (word_in,), (word_out,) = machine.inp_signals, machine.out_signals
    latency = plan.stages + 1  # a register before the first stage and one behind each
    inputs = list(zip(input_ports(graph), map(_precision, word_in.precisions), strict=True))
    out_words = list(zip(output_ports(graph), map(_precision, word_out.precisions), strict=True))
    suffix, top = SUFFIX[language], {VERILOG: top_module, VHDL: top_entity}[language]
    files = {f"{name}.{suffix}": top(name, core, inputs, out_words, latency, plan.stages - plan.busy)}
    for key, code in codes.items():
        # alkaid calls its stages logic0, logic1, ...: two designs could not be simulated together
        files[f"{_renamed(key, base)}.{suffix}"] = _renamed(code, base)
    for file in Path(alkaid.codegen.rtl.__file__).parent.glob(f"{language}/source/*.{suffix}"):
        if any(re.search(INSTANCE[language].format(file.stem), code) for code in codes.values()):
            files[file.name] = file.read_text()
    for file_name, text in files.items():
        (folder / file_name).write_text(text, encoding="utf-8")
    return RtlProject(
        folder=folder,
        name=name,
        digest=digest,
        files=tuple(sorted(files)),
        inputs=tuple(port for port, _ in inputs),
        outputs=tuple(port for port, _ in out_words),
        registers=tuple(_registers(machine)),
        latency=latency,
        stages=plan.stages,
        clock_period_ns=clock_period_ns,
        operations=sum(op.opcode >= 0 for op in program.ops),
        cost=float(program.cost),
        delay_ns=max(plan.delays),
        core=core,
    )


def _precision(precision: Sequence[float]) -> Precision:
    signed, integer, fraction = precision
    return int(signed), int(integer), int(fraction)


def _renamed(text: str, name: str) -> str:
    return re.sub(r"\blogic(\d+)\b", rf"{name}_stage\1", text)


def _registers(machine: FSM) -> list[Any]:
    from l1forge.firmware.rtl.project import Register

    return [Register(s.name, int(s.width)) for s in machine.signals.values() if s.reg and s.width]
