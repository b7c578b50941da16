"""A foreign top module inside a module with the ports of a generated design, checked by Verilator's lint."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.foreign.ports import PortMap, Words
from l1forge.firmware.rtl.ports import identifier, input_ports, output_ports
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.firmware.tools import children
from l1forge.firmware.tools.ghdl import find_ghdl
from l1forge.firmware.tools.locks import locked
from l1forge.firmware.tools.verilator_root import verilator_environment

VERILOG, VHDL = (".v", ".sv"), (".vhd", ".vhdl")
HEADERS = (".vh", ".svh", ".mem", ".hex", ".dat")
FATAL = ("PINNOTFOUND", "PINMISSING", "WIDTHEXPAND", "WIDTHTRUNC", "MODMISSING")
"""What Verilator says of ports that do not fit; other warnings are the author's business."""
REMEDIES = {"PINMISSING": "name it: an input under constants, an output under open"}


def wrapped(
    graph: Graph,
    sources: str | Path,
    top: str,
    ports: PortMap,
    target: str | Path,
    period_ns: float,
    latency: int,
) -> RtlProject:
    """Write foreign RTL with a wrapper as an RTL project whose results are expected after ``latency`` clocks.

    Parameters
    ----------
    graph
        What the RTL should compute.
    sources
        Folder with Verilog or VHDL (read recursively), or one file. VHDL is made Verilog by GHDL's synthesis.
    top
        Name of the top module or entity.
    ports
        Its ports.
    target
        Folder to write; the digest of everything that went in is added to its name, so that runs side by
        side with other sources, ports or latencies do not change each other's files.

    Raises
    ------
    InputError
        If there is no source, a port does not fit, or GHDL or Verilator cannot read the sources.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        place.chmod(0o755)
        files = _copied(Path(sources), top, place)
        name = identifier(f"{graph.name}_{top}_ports")
        clocks = max(latency, 1)
        inputs, outputs = input_ports(graph), output_ports(graph)
        text = _module(name, top, ports, inputs, outputs, graph, latency)
        (place / f"{name}.v").write_text(text, encoding="utf-8")
        _lint(place, [*files, f"{name}.v"], name, top, ports)
        state = hashlib.sha256(f"{period_ns} {text}".encode())
        for file in sorted(place.iterdir()):  # files that are included, or read by $readmemh, as well
            state.update(file.name.encode() + b"\0" + file.read_bytes())
        digest = state.hexdigest()
        with open(place / f"{name}.v", "a", encoding="utf-8") as wrapper:  # what simulators find again by
            wrapper.write(f"// sources {digest}\n")
        target = target.with_name(f"{target.name}-{digest[:16]}")
        RtlProject(
            folder=place,
            name=name,
            digest=digest,
            files=(*files, f"{name}.v"),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            registers=(),
            latency=clocks,
            stages=clocks,
            clock_period_ns=period_ns,
            operations=0,
            cost=0.0,
            delay_ns=0.0,
        ).save()
        with locked(target):
            if _same_files(place, target):
                return RtlProject.load(target)
            shutil.rmtree(target, ignore_errors=True)
            place.rename(target)
            return RtlProject.load(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _same_files(place: Path, target: Path) -> bool:
    """Whether an earlier run, or one beside this one, has written all of it, and nobody has changed it."""
    try:
        return all(file.read_bytes() == (target / file.name).read_bytes() for file in place.iterdir())
    except OSError:
        return False


def _copied(sources: Path, top: str, place: Path) -> list[str]:
    """The Verilog files in ``place``: packages first, then by name; VHDL as one file of GHDL's synthesis."""
    if not sources.exists():
        raise InputError(
            "does not exist", file=sources, field="--rtl", remedy="give a folder with RTL, or a file"
        )
    found = [sources] if sources.is_file() else sorted(p for p in sources.rglob("*") if p.is_file())
    verilog = [path for path in found if path.suffix.lower() in VERILOG]
    vhdl = [path for path in found if path.suffix.lower() in VHDL]
    if not verilog and not vhdl:
        raise InputError(
            "holds no Verilog and no VHDL", file=sources, field="--rtl", remedy=".v, .sv, .vhd, .vhdl"
        )
    names = [path.name for path in (*verilog, *vhdl)]
    for name in names:
        if names.count(name) > 1:
            raise InputError("two sources have one name", file=sources, field="--rtl", value=name)
    for path in found:
        if path.suffix.lower() in HEADERS:
            shutil.copy(path, place / path.name)
    if vhdl and re.search(rf"(?im)^\s*entity\s+{re.escape(top)}\s+is\b", "\n".join(map(_text, vhdl))):
        (place / f"{top}_ghdl.v").write_text(_synthesised(vhdl, top), encoding="utf-8")
        return [f"{top}_ghdl.v"]
    if not re.search(rf"(?m)^\s*module\s+{re.escape(top)}\b", "\n".join(map(_text, verilog))):
        raise InputError("no source defines this module or entity", file=sources, field="--top", value=top)
    verilog.sort(key=lambda path: not re.search(r"(?m)^\s*package\s+\w+", _text(path)))
    for path in verilog:
        shutil.copy(path, place / path.name)
    return [path.name for path in verilog]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _synthesised(files: list[Path], top: str) -> str:
    """Verilog of VHDL files; GHDL finds the order in which they depend on each other."""
    ghdl = find_ghdl()
    with tempfile.TemporaryDirectory(prefix="ghdl-") as folder:
        work = Path(folder)
        common = ["--std=08", f"--workdir={work}"]
        ghdl.run(["-i", *common, *(str(path.resolve()) for path in files)], work)
        ghdl.run(["-m", *common, top], work)
        return ghdl.run(["--synth", *common, "--out=verilog", top], work)


def _module(
    name: str, top: str, ports: PortMap, inputs: list[Port], outputs: list[Port], graph: Graph, latency: int
) -> str:
    """The wrapper: one port per element outside, the foreign ports inside, and the valid bits."""
    head = ["input wire clk", "input wire rst", "input wire in_valid"]
    head += [f"input wire {_range(port)} {port.name}" for port in inputs]
    head += ["output wire out_valid", *(f"output wire {_range(port)} {port.name}" for port in outputs)]
    pins = [f".{port}({value})" for port, value in ports.constants.items()]
    pins += [f".{port}()" for port in ports.unused]
    if ports.clock:
        pins.append(f".{ports.clock}(clk)")
    if ports.reset:
        pins.append(f".{ports.reset}({'!' if ports.reset_low else ''}rst)")
    wires, assigns, body = [], [], []
    for node in graph.inputs:
        words, own = ports.inputs[node.name], [port for port in inputs if port.node == node.name]
        extended = [_extended(port, words.width) for port in own]
        pins += _pins(words, extended)
    for output in graph.outputs:
        words, own = ports.outputs[output], [port for port in outputs if port.node == output]
        total = words.width * len(own)
        for number, port in enumerate(own):
            place = number if words.first_low else len(own) - 1 - number
            wire = f"found_{words.ports[0] if words.vector else words.ports[number]}"
            low = place * words.width if words.vector else 0
            assigns.append((port, f"{wire}[{low + port.width - 1}:{low}]"))
        for port_name in words.ports:
            bits = total if words.vector else words.width
            wires.append(f"    wire [{bits - 1}:0] found_{port_name};")
            pins.append(f".{port_name}(found_{port_name})")
    clocks = max(latency, 1)
    if ports.valid_out:
        pins.append(f".{ports.valid_out}(found_valid)")
        wires.append("    wire found_valid;")
    body = [f"    reg [{clocks - 1}:0] valid;", "    always @(posedge clk)"]
    moved = f"{{valid[{clocks - 2}:0], in_valid}}" if clocks > 1 else "in_valid"
    body += [f"        if (rst) valid <= {clocks}'b0;", f"        else valid <= {moved};"]
    for port, value in assigns:
        if latency:
            body.append(f"    assign {port.name} = {value};")
        else:  # nothing but gates: a register, as there is none
            body += [f"    reg {_range(port)} held_{port.name};"]
            body += [f"    always @(posedge clk) held_{port.name} <= {value};"]
            body += [f"    assign {port.name} = held_{port.name};"]
    valid = f"valid[{clocks - 1}]"
    told = f"{valid} & found_valid" if ports.valid_out and latency else valid
    lines = [
        f"// {top} behind the ports of a design of l1forge",
        f"module {name} (",
        ",\n".join(f"    {port}" for port in head),
        ");",
        *wires,
        f"    {top} dut ({', '.join(pins)});",
        *body,
        f"    assign out_valid = {told};",
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _range(port: Port) -> str:
    return f"{'signed ' if port.fixed.signed else ''}[{port.width - 1}:0]"


def _extended(port: Port, width: int) -> str:
    """A port's value in ``width`` bits."""
    more = width - port.width
    if not more:
        return port.name
    fill = f"{port.name}[{port.width - 1}]" if port.fixed.signed else "1'b0"
    return f"{{{{{more}{{{fill}}}}}, {port.name}}}"


def _pins(words: Words, values: list[str]) -> list[str]:
    if not words.vector:
        return [f".{port}({value})" for port, value in zip(words.ports, values, strict=True)]
    ordered = list(reversed(values)) if words.first_low else values
    return [f".{words.ports[0]}({{{', '.join(ordered)}}})"]


def _lint(place: Path, files: list[str], name: str, top: str, ports: PortMap) -> None:
    """Refuse ports that do not fit, in the words of Verilator."""
    command = ["verilator", "--lint-only", "-Wno-fatal", "--top-module", name, "-I.", *files]
    done = children.run(command, cwd=place, env=verilator_environment())
    for line in done.stderr.splitlines():
        match = re.match(r"%(?:Error|Warning)(?:-(\w+))?: (?:(\S+?):(\d+):\d+: )?(.*)", line)
        if match is None:
            continue
        kind, file, _, said = match.groups()
        ours = file is None or Path(file).name == f"{name}.v"
        if line.startswith("%Error") or (kind in FATAL and ours):
            raise InputError(
                f"does not fit {top}: {said}" if ours else f"Verilator cannot read {top}: {said}",
                file=ports.file if ours else Path(file).name,
                remedy=REMEDIES.get(kind, "correct the port list") if ours else "correct the source",
            )
