"""The HLS project of a graph: one top function, pipelined at initiation interval 1, and Vitis's script."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.hls.written import loops
from l1forge.firmware.hls.written.statements import EMITTERS, Scope, cpp_type

GRAPH = "graph.json"
MOST_ELEMENTS = 20_000
"""Elements of all nodes: each is a statement, or a step of an unrolled loop."""
PERIOD_NS, PART = 4.16, "xcvu9p-flga2104-2L-e"

_HELPERS = """\
#include "ap_fixed.h"
#include "ap_int.h"

template <class T> T raw(long long bits) {
#pragma HLS INLINE
    T value;
    value.range(T::width - 1, 0) = bits;
    return value;
}

template <class T> int place(T x, int offset, int last) {
#pragma HLS INLINE
    // the integer of x, whatever its binary point
    ap_int<T::width + 1> k = 0;
    k.range(T::width - 1, 0) = x.range(T::width - 1, 0);
    k[T::width] = x < 0;
    int i = (int)k + offset;
    return i < 0 ? 0 : i > last ? last : i;
}
"""

_SCRIPT = """\
# vitis_hls -f build_prj.tcl, or vitis-run --mode hls --tcl build_prj.tcl
array set opt {{ reset 1 csim 0 synth 1 cosim 0 validation 0 export 0 vsynth 0 fifo_opt 0 }}
if {{[file exists build_opt.tcl]}} {{ source build_opt.tcl }}
open_project -reset {name}_prj
set_top {name}
add_files firmware/{name}.cpp -cflags "-std=c++17"
open_solution -reset solution1
set_part {part}
create_clock -period {period} -name default
if {{$opt(synth)}} {{ csynth_design }}
if {{$opt(export)}} {{ export_design -format ip_catalog }}
exit
"""


def refused(graph: Graph) -> str | None:
    """Why no C++ is written of a graph; None if it can be."""
    unknown = sorted({node.op for node in graph.nodes if node.op != "input"} - set(EMITTERS))
    if unknown:
        return f"has the operation {unknown[0]}"
    elements = sum(node.size for node in graph.nodes)
    return f"has {elements:,} elements, at most {MOST_ELEMENTS:,}" if elements > MOST_ELEMENTS else None


def write(graph: Graph, folder: str | Path) -> None:
    """Write the project into ``folder``, all of it or nothing.

    Raises
    ------
    InputError
        If the graph has something that is not written.
    """
    problem = refused(graph)
    if problem:
        raise InputError(
            f"no HLS C++ can be written: the graph {problem}",
            file=graph.file,
            remedy="its Verilog: l1forge cosim",
        )
    text = _top(graph)
    with atomic_files(Path(folder)) as new:
        firmware = new / "firmware"
        firmware.mkdir()
        (firmware / f"{_name(graph)}.cpp").write_text(text, encoding="utf-8")
        script = _SCRIPT.format(name=_name(graph), part=PART, period=PERIOD_NS)
        (new / "build_prj.tcl").write_text(script, encoding="utf-8")
        graph.save(new / GRAPH)


def _name(graph: Graph) -> str:
    """The top function: the graph's name as a C++ identifier."""
    name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in graph.name)
    return name if not name[0].isdigit() else f"top_{name}"


def _top(graph: Graph) -> str:
    scope = Scope(graph)
    names: dict[str, list[str]] = {}
    body: list[str] = []
    for node in graph.nodes:
        prefix = scope.prefix[node.name]
        if node.op == "input":
            names[node.name] = [f"{prefix}[{i}]" for i in range(node.size)]
            continue
        body.append(f"    // {node.name}: {node.op}")
        kind = cpp_type(node.type)
        if loops.looped(node):
            arrays = [_array(graph[name], names, scope, body) for name in node.inputs]
            body.append(f"    {kind} {prefix}[{node.size}];")
            body.append(f"    #pragma HLS ARRAY_PARTITION variable={prefix} complete")
            body += loops.write(node, arrays, prefix, scope)
            names[node.name] = [f"{prefix}[{i}]" for i in range(node.size)]
            continue
        made = EMITTERS[node.op](node, names, scope)
        names[node.name] = [f"{prefix}_{i}" for i in range(node.size)]
        body += [
            f"    const {kind} {name} = {expression};"
            for name, expression in zip(names[node.name], made, strict=True)
        ]
    outputs = [graph[name] for name in graph.outputs]
    for i, node in enumerate(outputs):
        body += [f"    out{i}[{k}] = {name};" for k, name in enumerate(names[node.name])]
    arguments = [f"const {cpp_type(n.type)} {scope.prefix[n.name]}[{n.size}]" for n in graph.inputs]
    arguments += [f"{cpp_type(node.type)} out{i}[{node.size}]" for i, node in enumerate(outputs)]
    pragmas = ["    #pragma HLS PIPELINE II=1"]
    ports = [scope.prefix[node.name] for node in graph.inputs] + [f"out{i}" for i in range(len(outputs))]
    pragmas += [f"    #pragma HLS ARRAY_PARTITION variable={port} complete" for port in ports]
    tables = [
        f"static const long long {name}[{constant.data.size}] = "
        f"{{{', '.join(map(str, constant.data.ravel().tolist()))}}};"
        for name, constant in scope.tables
    ]
    tables += [
        f"static const int index{number}[{len(values)}] = {{{', '.join(map(str, values))}}};"
        for number, values in enumerate(scope.indices)
    ]
    lines = [
        f"// Written by l1forge from the graph {graph.name}; graph.json beside this folder is that graph.",
        _HELPERS,
        *tables,
        "",
        f"void {_name(graph)}({', '.join(arguments)}) {{",
        *pragmas,
        *body,
        "}",
        "",
        "#ifndef __SYNTHESIS__",
        _bridge(graph, scope),
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _array(node: Node, names: dict[str, list[str]], scope: Scope, body: list[str]) -> str:
    """The array that holds a node's values; where they have a name each, they are copied once into one."""
    prefix = scope.prefix[node.name]
    if names[node.name][0] == f"{prefix}[0]":
        return prefix
    copied = f"{prefix}_all"
    if not any(f" {copied}[" in line for line in body):
        held = ", ".join(names[node.name])
        body.append(f"    const {cpp_type(node.type)} {copied}[{node.size}] = {{{held}}};")
        body.append(f"    #pragma HLS ARRAY_PARTITION variable={copied} complete")
    return copied


def _bridge(graph: Graph, scope: Scope) -> str:
    """What a C or Python programme calls: raw integers in and out, crossing by crossing."""
    outputs = [graph[name] for name in graph.outputs]
    given = sum(node.size for node in graph.inputs)
    taken = sum(node.size for node in outputs)
    lines = [
        "template <class T> long long integer(T x) {",
        "    ap_int<T::width + 1> k = 0;",
        "    k.range(T::width - 1, 0) = x.range(T::width - 1, 0);",
        "    k[T::width] = x < 0;",
        "    return (long long)k;",
        "}",
        f'extern "C" void {_name(graph)}_rows(const long long *in, long long *out, long long n) {{',
        f"    for (long long row = 0; row < n; row++, in += {given}, out += {taken}) {{",
    ]
    first = 0
    for node in graph.inputs:
        kind, name = cpp_type(node.type), scope.prefix[node.name]
        lines.append(f"        {kind} {name}[{node.size}];")
        lines.append(
            f"        for (int i = 0; i < {node.size}; i++) {name}[i] = raw<{kind} >(in[{first} + i]);"
        )
        first += node.size
    lines += [f"        {cpp_type(node.type)} out{i}[{node.size}];" for i, node in enumerate(outputs)]
    ports = [scope.prefix[node.name] for node in graph.inputs] + [f"out{i}" for i in range(len(outputs))]
    lines.append(f"        {_name(graph)}({', '.join(ports)});")
    first = 0
    for i, node in enumerate(outputs):
        lines.append(f"        for (int i = 0; i < {node.size}; i++) out[{first} + i] = integer(out{i}[i]);")
        first += node.size
    return "\n".join([*lines, "    }", "}"])
