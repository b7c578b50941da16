"""The Verilog of a network on a set, folded in time (``split.py``): front, running sum, back."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import CLOCK_PERIOD_NS, generate
from l1forge.firmware.rtl.generate import digest_of
from l1forge.firmware.rtl.ports import identifier, input_ports, output_ports
from l1forge.firmware.rtl.project import MANIFEST, Port, RtlProject
from l1forge.firmware.sets.split import Split, split


def folded_name(graph: Graph) -> str:
    """What the folded design of ``graph`` is called."""
    return f"{graph.name}_folded"


def generate_folded(
    graph: Graph, out_dir: str | Path, interval: int, *, clock_period_ns: float = CLOCK_PERIOD_NS
) -> RtlProject:
    """Write the folded Verilog of ``graph``: a new event at most every ``interval`` clocks.

    The folder is replaced as a whole; it stays if it holds this design already.

    Raises
    ------
    InputError
        If the graph cannot be folded, or something in it cannot be expressed.
    """
    target = Path(out_dir)
    parts = split(graph, interval)
    own = Path(__file__).parent
    state = hashlib.sha256(f"{interval} {digest_of(graph, None, clock_period_ns)}".encode())
    for file in sorted(own.glob("*.py")):
        state.update(file.read_bytes())
    if (target / MANIFEST).exists():
        try:
            known = RtlProject.load(target)
        except InputError:
            known = None  # damaged or of an older version: made again below
        if known is not None and known.digest == state.hexdigest():
            return known
    front = generate(parts.front, target.parent / parts.front.name, clock_period_ns=clock_period_ns)
    back = generate(parts.back, target.parent / parts.back.name, clock_period_ns=clock_period_ns)
    name = identifier(folded_name(graph))
    with atomic_files(target) as folder:
        for project in (front, back):
            for source in project.sources:
                shutil.copy(source, folder / source.name)
        (folder / f"{name}.v").write_text(_top(name, graph, parts, front, back), encoding="utf-8")
        project = RtlProject(
            folder=folder,
            name=name,
            digest=state.hexdigest(),
            files=tuple(sorted({*front.files, *back.files, f"{name}.v"})),
            inputs=tuple(input_ports(graph)),
            outputs=tuple(output_ports(graph.subgraph(graph.outputs))),
            registers=(),
            latency=front.latency + parts.steps + back.latency,
            stages=front.stages + 1 + back.stages,
            clock_period_ns=clock_period_ns,
            operations=front.operations + back.operations + len(front.outputs),
            cost=front.cost + back.cost + sum(port.width for port in front.outputs),
            delay_ns=max(front.delay_ns, back.delay_ns),
            interval=parts.steps,
        )
        project.save()
        shutil.rmtree(target, ignore_errors=True)
    return RtlProject.load(target)


def _top(name: str, graph: Graph, parts: Split, front: RtlProject, back: RtlProject) -> str:
    """Turn the inputs, run the front every clock of an event, add what it gives, start the back at the end.

    ``rst`` clears what makes data meaningful: the count of steps and the flags that travel with the front.
    """
    inputs, outputs = input_ports(graph), output_ports(graph.subgraph(graph.outputs))
    text = [
        "`timescale 1 ns / 1 ps",
        f"module {name} (",
        "    input wire clk, input wire rst, input wire in_valid,",
    ]
    text += [f"    input wire {_range(port)} {port.name}," for port in inputs]
    text += ["    output wire out_valid,"]
    text += [",\n".join(f"    output wire {_range(port)} {port.name}" for port in outputs), ");"]
    text += _turning(graph, inputs, parts)
    text += _summing(parts, front)
    wires = ", ".join(f".{port.name}(now_{own.name})" for port, own in zip(front.inputs, inputs, strict=True))
    sums = ", ".join(f".{port.name}(part_{i})" for i, port in enumerate(front.outputs))
    totals = ", ".join(f".{port.name}(total_{i})" for i, port in enumerate(back.inputs))
    results = ", ".join(f".{port.name}({own.name})" for port, own in zip(back.outputs, outputs, strict=True))
    text += [
        f"    {front.name} front (.clk(clk), .rst(rst), .in_valid(in_valid | busy), {wires},",
        f"        .out_valid(part_valid), {sums});",
        f"    {back.name} back (.clk(clk), .rst(rst), .in_valid(complete), {totals},",
        f"        .out_valid(out_valid), {results});",
        "endmodule",
        "",
    ]
    return "\n".join(text)


def _turning(graph: Graph, inputs: list[Port], parts: Split) -> list[str]:
    """The set as the front sees it now: fresh with ``in_valid``, then turned by its share each clock."""
    bits = max((parts.steps - 1).bit_length(), 1)
    lines = [
        f"    reg [{bits - 1}:0] left;  // steps of this event that follow",
        "    wire busy = left != 0;",
        "    always @(posedge clk)",
        f"        if (rst) left <= {bits}'d0;",
        f"        else left <= in_valid ? {bits}'d{parts.steps - 1} : busy ? left - 1'b1 : left;",
    ]
    turned = []
    place = 0
    for node in graph.inputs:
        ports = inputs[place : place + node.size]
        place += node.size
        for i, port in enumerate(ports):
            lines += [f"    reg {_range(port)} held_{port.name};"]
            lines += [f"    wire {_range(port)} now_{port.name} = in_valid ? {port.name} : held_{port.name};"]
            turned.append(f"        held_{port.name} <= now_{ports[(i + parts.share) % node.size].name};")
    return [*lines, "    always @(posedge clk) begin", *turned, "    end"]


def _summing(parts: Split, front: RtlProject) -> list[str]:
    """The sum of what the front gives for one event, and the clock on which it is complete."""
    width, latency = parts.total.width, front.latency
    signed = "signed " if parts.total.signed else ""
    lines = [
        "    wire part_valid;",
        f"    reg [{latency - 1}:0] firsts, lasts;  // travel with the front's results",
        "    reg complete;",
        "    always @(posedge clk) begin",
        f"        firsts <= {{firsts[{latency - 2}:0], in_valid}};",
        f"        lasts <= {{lasts[{latency - 2}:0], {_last(parts)}}};",
        f"        complete <= !rst && part_valid && lasts[{latency - 1}];",
        "    end",
    ]
    adding = []
    for i, port in enumerate(front.outputs):
        assert port.width == width
        lines += [
            f"    wire {signed}[{width - 1}:0] part_{i};",
            f"    reg {signed}[{width - 1}:0] total_{i};",
        ]
        adding.append(f"        total_{i} <= firsts[{latency - 1}] ? part_{i} : total_{i} + part_{i};")
    return [*lines, "    always @(posedge clk) begin", *adding, "    end"]


def _last(parts: Split) -> str:
    """Whether this clock's step is the last one of its event."""
    return "in_valid" if parts.steps == 1 else "!in_valid && left == 1"


def _range(port: Port) -> str:
    return f"{'signed ' if port.fixed.signed else ''}[{port.width - 1}:0]"
