"""An emulator package as one graph: inputs as hardware columns, scaling, network, score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.hls.package.files import Package, find_package
from l1forge.firmware.hls.package.inputs import Inputs
from l1forge.firmware.hls.package.interpret import Interpreter
from l1forge.firmware.hls.package.network import read_network
from l1forge.firmware.hls.package.reals import AffineReal
from l1forge.firmware.hls.package.state import Output, Reached
from l1forge.firmware.hls.package.tables import Tables
from l1forge.firmware.hls.package.values import Array, Data, Known, Real
from l1forge.firmware.hls.package.wrapper import Wrapper, outside_class, read_wrapper
from l1forge.firmware.hls.project.parse import read_defines
from l1forge.firmware.hls.project.preprocess import Macros
from l1forge.firmware.hls.project.source import Source
from l1forge.firmware.hls.translate.builder import Builder
from l1forge.firmware.hls.translate.graph import assemble, network_inputs, translate_calls
from l1forge.firmware.inputs.columns import Column


@dataclass(frozen=True)
class PackagePort:
    """Where the wrapper's interface has an input or output of the graph.

    ``text`` is the C++ type that passes through ``std::any``, ``path`` the member in it, ``element`` the type
    of an input's elements; ``function`` writes the result, an array if ``indexed``.
    """

    name: str
    text: str
    path: str
    size: int
    function: str = ""
    element: str = ""
    indexed: bool = True


@dataclass
class Imported:
    """A graph and what is needed to compare it with the package's own C++."""

    graph: Graph
    package: Package
    source: Source
    wrapper: Wrapper | None = None
    inputs: list[PackagePort] = field(default_factory=list)
    outputs: list[PackagePort] = field(default_factory=list)
    columns: Sequence[Column] | None = None
    strides: Mapping[str, int] = field(default_factory=dict)
    defines: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_package(
    path: str | Path,
    columns: Sequence[Column] | None = None,
    defines: Mapping[str, str] | None = None,
    network_only: bool = False,
) -> Imported:
    """Read an emulator package (its folder, or the ``.cpp`` of one of its wrappers).

    Parameters
    ----------
    columns
        Hardware columns of the wrapper's inputs, in order; without them the inputs have the wrapper's type.
    defines
        Macros that the build sets.
    network_only
        Leave the wrapper out: inputs and outputs are those of the network.

    Raises
    ------
    InputError
        If the folder holds no package or several, or something in it cannot be reproduced exactly.
    """
    macros = Macros({"__cplusplus": "201703"} | dict(defines or {}))
    package = find_package(Path(path), macros)
    source = read_network(package)
    if package.wrapper is None or network_only:
        return _network(package, source, columns, defines or {})
    text = next(t.text for t in package.texts if t.path == package.wrapper)
    read_defines(source, outside_class(text))
    types = set(source.typedefs)
    wrapper = read_wrapper(text, package.wrapper, types)
    first = Inputs(wrapper, columns)
    try:
        _interpreter(Builder(source), wrapper, package, types, first, None).run()
    except Reached:
        pass
    else:
        raise InputError("predict does not call the network", file=package.wrapper, value=package.top)
    builder = Builder(source)
    inputs = first.again()
    run = _interpreter(builder, wrapper, package, types, inputs, None)
    run.network = lambda arrays: _call(run, source, arrays)
    found = run.run()
    names, ports = _outputs(builder, found)
    notes = list(dict.fromkeys(source.notes))
    notes += [
        f"{k} of the inputs is taken as {n}, the elements read in a row" for k, n in inputs.strides.items()
    ]
    graph = assemble(source, builder, names)
    graph.meta["origin"] = "emulator package"
    graph.meta["package"] = package.folder.resolve().name
    ports_in = [PackagePort(n, inputs.top, n, inputs.sizes[n], "", inputs.texts[n]) for n in inputs.sizes]
    return Imported(
        graph, package, source, wrapper, ports_in, ports, columns, inputs.strides, defines or {}, notes
    )


def _interpreter(
    builder: Builder,
    wrapper: Wrapper,
    package: Package,
    types: set[str],
    inputs: Inputs,
    network: Callable[[list[Array]], None] | None,
) -> Interpreter:
    tables = Tables(builder.source, package.texts, types)
    run = Interpreter(builder, wrapper, tables, inputs, network)
    inputs.resolve = run.type
    tables.declare = run.declared
    return run


def _call(run: Interpreter, source: Source, arrays: list[Array]) -> None:
    """The network on the arrays of the wrapper."""
    if len(arrays) != len(source.arguments):
        raise source.error(
            f"is called with {len(arrays)} arrays",
            "predict",
            remedy=f"it takes {', '.join(source.arguments)}",
        )
    given = dict(zip(source.arguments, arrays, strict=True))
    for name in source.inputs:
        run.builder.store(name, run.gather(given[name]))
    translate_calls(run.builder)
    for name in source.outputs:
        node = run.builder.value(name).node
        array = given[name]
        if node.size != array.size:
            raise source.error(f"writes {node.size} values", f"predict, {name}", array.size)
        array.cells = [Data(node, (i,), array.type) for i in range(node.size)]


def _outputs(builder: Builder, found: list[Output]) -> tuple[list[str], list[PackagePort]]:
    """The nodes of the result, each once."""
    builder.layer = "result"
    names: list[str] = []
    ports: list[PackagePort] = []
    for output in found:
        size = len(output.elements)
        if sorted(output.elements) != list(range(size)):
            raise builder.refuse("result is not written in one piece", output.path)
        cells = [output.elements[i] for i in range(size)]
        if any(isinstance(cell, Known) for cell in cells):
            raise builder.refuse("result does not depend on the inputs", output.path or "result")
        node = _gathered(builder, cells, output.path.split(".")[-1] or "result")
        if node.name not in names:
            names.append(node.name)
            ports.append(
                PackagePort(node.name, output.text, output.path, size, output.function, "", output.indexed)
            )
    return names, ports


def _gathered(builder: Builder, cells: Sequence[object], name: str) -> Node:
    places = []
    for cell in cells:
        if isinstance(cell, Real) and _unchanged(cell.formulas[0]):
            cell = cell.base  # a result is given as float or double, which holds it
        if not isinstance(cell, Data):
            raise builder.refuse("floating-point results are not supported", name)
        places.append((cell.node, cell.index[0]))
    nodes = {node.name: node for node, _ in places}
    if len(nodes) == 1:
        node = next(iter(nodes.values()))
        if [i for _, i in places] == list(range(node.size)):
            return node
        return builder.add("take", [node], (len(places),), node.type, name, index=[i for _, i in places])
    parts = [builder.take(node, [i], (1,)) for node, i in places]
    kind = parts[0].type
    if any(part.type != kind for part in parts):
        raise builder.refuse("result has elements of several types", name)
    return builder.add("concatenate", parts, (len(parts),), kind, name, axis=0)


def _unchanged(formula: object) -> bool:
    return isinstance(formula, AffineReal) and formula.exact and formula.scale == 1 and formula.offset == 0


def _network(
    package: Package, source: Source, columns: Sequence[Column] | None, defines: Mapping[str, str]
) -> Imported:
    """The network without its wrapper."""
    builder = Builder(source)
    sources = None
    if columns is not None:
        if any(column.worth != 1 for column in columns):
            raise InputError(
                "with --network-only the inputs are raw integers and cannot have factors",
                field="--inputs",
                remedy="write the columns without factors, or import the package with its wrapper",
            )
        sources = [column.source for column in columns]
    network_inputs(builder, sources)
    translate_calls(builder)
    names = [builder.value(name).node.name for name in source.outputs]
    graph = assemble(source, builder, names)
    notes = list(dict.fromkeys(source.notes))
    if package.wrapper is None:
        notes.append("no wrapper class is in the folder: the graph is the network, without scaling or score")
    sizes = {name: builder.value(name).node.size for name in source.arguments}
    ports = [PackagePort(n, source.arrays[n][0], "", sizes[n]) for n in source.inputs]
    out = [
        PackagePort(node, source.arrays[n][0], n, sizes[n])
        for n, node in zip(source.outputs, names, strict=True)
    ]
    return Imported(graph, package, source, None, ports, out, columns, {}, defines, notes)
