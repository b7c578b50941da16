"""conifer's own VHDL as Verilog, behind the ports and valid bits of every generated design.

GHDL's synthesis gives the Verilog. It pads odd adder levels with ``'bZ``: a simulator adds these as zero or
unknown, synthesis ties them as it likes, and the netlist is wrong on every event while RTL simulation passes.
The padding is replaced by zeros.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import tempfile
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.bdt.conifer.model import VHDL_INTEGER_BITS, ConiferModel, conifer_model, trees_of
from l1forge.firmware.bdt.conifer.project import write_project
from l1forge.firmware.rtl.ports import identifier, input_ports, output_ports
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.tools.ghdl import Ghdl, find_ghdl

ORDER = ("Constants", "Split", "Types", "Tree", "AddReduce")
FLOATING = re.compile(r"(\d+)'b[zZ]+")


def latency_of(model: ConiferModel) -> int:
    """Clocks from input to result: comparison, its pipeline, one activation per level, leaf, adder levels.

    conifer's report says ``1 + depth + log2(trees)``; its VHDL (Tree.vhd, AddReduce.vhd) has two more
    registers and adds the start value as one more tree.
    """
    return int(model.ensemble["max_depth"]) + 3 + math.ceil(math.log2(int(model.ensemble["n_trees"]) + 1))


def to_verilog(firmware: Path, ghdl: Ghdl, *, repair: bool = True) -> str:
    """Verilog of conifer's VHDL in ``firmware``; top module ``BDTTop``.

    ``repair=False`` keeps the ``'bZ`` paddings (to show what they do).
    """
    arrays = sorted(
        (f.stem for f in firmware.glob("Arrays*.vhd")), key=lambda s: int(s.removeprefix("Arrays"))
    )
    with tempfile.TemporaryDirectory(prefix="ghdl-") as library:
        common = ["--std=08", f"--workdir={library}", "--work=bdt"]
        ghdl.run(["-a", *common, *(f"{n}.vhd" for n in (*ORDER, *arrays, "BDT", "BDTTop"))], firmware)
        text = ghdl.run(["--synth", *common, "--out=verilog", "BDTTop"], firmware)
    return FLOATING.sub(r"\1'b0", text) if repair else text


def generate_conifer_rtl(
    graph: Graph, out_dir: str | Path, *, clock_period_ns: float = 5.0, repair: bool = True
) -> RtlProject:
    """Write the Verilog of conifer's VHDL for the tree node of ``graph`` as an RTL project.

    Its inputs are the integers the trees compare (``trees_of(graph)``). ``rst`` clears nothing: conifer's
    pipeline has no reset, its valid bits run out while ``in_valid`` is low.

    Raises
    ------
    InputError
        If conifer cannot hold the graph, its numbers do not fit VHDL integers, or GHDL is missing or fails.
    """
    alone, model = trees_of(graph), conifer_model(graph)
    if model.width > VHDL_INTEGER_BITS:
        raise InputError("conifer's VHDL holds numbers as integers", field=graph.name, value=model.width)
    if model.ensemble["max_depth"] == 0:
        raise InputError("every tree is a single leaf: there is nothing to synthesise", field=graph.name)
    name, target = identifier(f"{graph.name}_conifer"), Path(out_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    ports = [port for port in input_ports(alone) if port is not None]
    if len(ports) != alone.inputs[0].size:
        raise InputError("constant inputs are not supported by conifer's VHDL", field=graph.name)
    outputs = output_ports(alone)
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        place.chmod(0o755)
        core = to_verilog(
            write_project(graph, place / "vhdl", "vhdl") / "firmware", find_ghdl(), repair=repair
        )
        (place / "BDTTop.v").write_text(core, encoding="utf-8")
        (place / f"{name}.v").write_text(_top(name, ports, outputs, model), encoding="utf-8")
        latency = latency_of(model)
        RtlProject(
            folder=place,
            name=name,
            digest=hashlib.sha256(json.dumps([model.ensemble, core]).encode()).hexdigest(),
            files=(f"{name}.v", "BDTTop.v"),
            inputs=tuple(ports),
            outputs=tuple(outputs),
            registers=(),
            latency=latency,
            stages=latency,
            clock_period_ns=clock_period_ns,
            operations=sum(f >= 0 for trees in model.ensemble["trees"] for t in trees for f in t["feature"]),
            cost=0.0,
            delay_ns=0.0,
        ).save()
        shutil.rmtree(target, ignore_errors=True)
        place.rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return RtlProject.load(target)


def _top(name: str, inputs: list[Port], outputs: list[Port], model: ConiferModel) -> str:
    """Named ports outside; conifer's packed words inside, first feature and first score in the high bits."""
    width = model.width
    head = ["input wire clk", "input wire rst", "input wire in_valid"]
    head += [f"input wire {'signed ' if p.fixed.signed else ''}[{p.width - 1}:0] {p.name}" for p in inputs]
    head += ["output wire out_valid"]
    head += [f"output wire {'signed ' if p.fixed.signed else ''}[{p.width - 1}:0] {p.name}" for p in outputs]
    lines = [f"module {name} (", ",\n".join(f"    {port}" for port in head), ");"]
    lines += [f"    wire [{width * len(words) - 1}:0] {w};" for w, words in (("x", inputs), ("y", outputs))]
    lines += [f"    wire [{len(outputs) - 1}:0] valid;"]
    for index, port in enumerate(inputs):
        high = width * (len(inputs) - index) - 1
        fill = f"{port.name}[{port.width - 1}]" if port.fixed.signed else "1'b0"
        word = f"{{{{{width - port.width}{{{fill}}}}}, {port.name}}}" if width > port.width else port.name
        lines.append(f"    assign x[{high}:{high - width + 1}] = {word};")
    for index, port in enumerate(outputs):
        low = width * (len(outputs) - 1 - index)
        lines.append(f"    assign {port.name} = y[{low + port.width - 1}:{low}];")
    lines += [
        "    assign out_valid = &valid;",
        "    BDTTop core (.clk(clk), .X(x), .X_vld(in_valid), .y(y), .y_vld(valid));",
        "endmodule",
        "",
    ]
    return "\n".join(lines)
