"""The package's own C++, compiled and run: the reference that the graph is compared with.

Nothing of the experiment's software is needed: the interface that wrappers derive from is written here, and
the headers that a package leaves out are those of the installed hls4ml.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.package.graph import Imported, PackagePort
from l1forge.firmware.hls.project.bridge import ap_types
from l1forge.firmware.tools import children

INTERFACE = """#ifndef HLS4ML_EMULATOR_H_
#define HLS4ML_EMULATOR_H_
#include <any>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
namespace hls4mlEmulator {
class Model {
  public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};
}
using HLS4MLModel = hls4mlEmulator::Model;
#endif
"""
"""What a wrapper needs of hls4mlEmulatorExtras; old packages call the class HLS4MLModel."""

EXACT = 53
"""Bits that a double holds: values pass through doubles."""

_TRACE = """
namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
}
"""
_MAIN = """
int main(int count, char **given) {
    std::FILE *in = std::fopen(given[1], "rb"), *out = std::fopen(given[2], "wb");
    if (count != 3 || !in || !out) return 3;
    %s
    std::fclose(in);
    return std::fclose(out) ? 4 : 0;
}
"""


def representable(graph: Graph, block: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of input integers without the low bits of inputs that are wider than a double's 53."""
    masks = [-1 << max(node.type.width - EXACT, 0) for node in graph.inputs for _ in range(node.size)]
    return block & np.array(masks, dtype=np.int64)


class Reference:
    """A package's compiled C++, called on the integers of the graph's inputs, within a ``with`` block.

    Raises
    ------
    InputError
        If g++ is missing or rejects the package.
    """

    def __init__(self, imported: Imported, optimisation: str = "-O1") -> None:
        self.imported = imported
        self._folder = tempfile.TemporaryDirectory(prefix="l1forge_package_")
        self._place = Path(self._folder.name)
        try:
            self._build(optimisation)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Reference:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _build(self, optimisation: str) -> None:
        imported, place = self.imported, self._place
        stub = place / "interface"
        (stub / "hls4ml").mkdir(parents=True)
        for name in ("emulator.h", "hls4ml/emulator.h"):
            (stub / name).write_text(INTERFACE, encoding="utf-8")
        main = place / "harness.cpp"
        main.write_text(harness(imported), encoding="utf-8")
        package, source = imported.package, imported.source
        types = ap_types(source)
        own = [f / "ap_types" for f in package.places if (f / "ap_types" / "ap_fixed.h").is_file()]
        folders = [*package.places, *(f.parent for f in [package.headers] if f is not None)]
        folders += [] if package.headers is None else [package.headers]
        # last: a package may hold the generated nnet_code_gen.h and none of hls4ml's own headers
        installed = place / "headers"
        for within in {Path(), package.network.relative_to(package.folder)}:
            (installed / within).mkdir(parents=True, exist_ok=True)
            for name in ("nnet_utils", "nn_utils"):
                (installed / within / name).symlink_to(types.parent / "nnet_utils")
        folders += [installed, installed / "nnet_utils"]
        flags = [optimisation, "-std=c++17", "-w", "-fno-access-control"]
        flags += [f"-I{folder.resolve()}" for folder in (*folders, stub, *(own or [types]))]
        flags += [f'-DWEIGHTS_DIR="{(package.network / "weights").resolve()}"']
        flags += [f"-D{name}={value}" for name, value in sorted(imported.defines.items())]
        named = {name for call in source.calls for name in call.arguments}
        used = {file for name, file in source.weight_headers.items() if name in named}
        others = [str(path.resolve()) for path in package.others if path in used]
        if imported.wrapper is not None and package.top_file != package.wrapper:
            others.append(str(package.top_file.resolve()))
        command = ["g++", *flags, str(main), *others, "-o", str(place / "harness")]
        try:
            result = children.run(command, cwd=place)
        except FileNotFoundError as error:
            raise InputError("compiler not found", field="g++", remedy="install g++") from error
        if result.returncode:
            lines = [line for line in result.stderr.splitlines() if "error" in line or "undefined" in line][
                :3
            ]
            raise InputError(
                "g++ does not compile the package's own C++",
                file=package.folder,
                value=" | ".join(lines) or result.stderr[-300:],
            )

    def __call__(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.int64]]:
        """The integers of the graph's outputs, by the package's own C++.

        Parameters
        ----------
        inputs
            One integer array of shape (n, size) per input of the graph: codes of its columns, or LSBs.

        Raises
        ------
        InputError
            If the program dies.
        """
        graph = self.imported.graph
        values, columns = [], list(self.imported.columns or ())
        for node, array in zip(graph.inputs, inputs, strict=True):
            flat = np.asarray(array).reshape(len(array), -1)
            if node.type.width > EXACT and np.any(flat & ((1 << (node.type.width - EXACT)) - 1)):
                raise InputError("is too wide to pass exactly through double", field=node.name)
            real = np.ldexp(flat.astype(np.float64), -node.type.fraction)
            if columns:
                factors, columns = columns[: node.size], columns[node.size :]
                real = real * np.array([float(column.worth) for column in factors])
            values.append(real)
        given, taken = self._place / "given", self._place / "taken"
        np.concatenate(values, axis=1).astype(np.float64).tofile(given)
        command = [str(self._place / "harness"), str(given), str(taken)]
        result = children.run(command, cwd=self.imported.package.network)
        if result.returncode:
            raise InputError(
                "the package's own C++ died",
                file=self.imported.package.folder,
                value=result.stderr[-200:] or f"exit status {result.returncode}",
            )
        sizes = [port.size for port in self.imported.outputs]
        rows = np.fromfile(taken).reshape(-1, sum(sizes))
        if len(rows) != len(inputs[0]):
            raise InputError("lost events", file=self.imported.package.folder, value=len(rows))
        found, start = [], 0
        for port in self.imported.outputs:
            kind: FixedType = graph[port.name].type
            if kind.width > EXACT:
                raise InputError(
                    "is too wide to pass exactly through double", field=port.name, value=str(kind)
                )
            raw = np.ldexp(rows[:, start : start + port.size], kind.fraction)
            if not np.array_equal(raw, np.rint(raw)):
                raise InputError(
                    "the C++ gives values between those of the type", field=port.name, value=str(kind)
                )
            found.append(raw.astype(np.int64))
            start += port.size
        return found


def harness(imported: Imported) -> str:
    """A program that reads doubles, one row per event, runs the package and writes the results as doubles."""
    package = imported.package
    if imported.wrapper is None:
        head, body = _network_harness(imported)
    else:
        head, body = _wrapper_harness(imported)
    includes = "".join(
        f"#include <{name}>\n" for name in ("cstdio", "map", "string", "utility", "array", "any")
    )
    first = package.wrapper if imported.wrapper is not None else package.top_file
    assert first is not None
    return f'{includes}#include "ap_fixed.h"\n#include "{first.resolve()}"\n{_TRACE}{head}{_MAIN % body}'


def _wrapper_harness(imported: Imported) -> tuple[str, str]:
    """A class derived from the wrapper, so that types of its own have a meaning, which runs its objects."""
    wrapper = imported.wrapper
    assert wrapper is not None
    declared, filled = [], []
    top = imported.inputs[0].text
    struct = top.rstrip("* ") if top.rstrip("* ") in wrapper.structs else ""
    total = sum(port.size for port in imported.inputs)
    if struct:
        declared.append(f"static {struct} l1f_in;")
        filled += [f"l1f_in.{name} = {value};" for name, value in imported.strides.items()]
    start = 0
    for port in imported.inputs:
        declared.append(f"static {port.element} l1f_{port.name}[{port.size}];")
        filled.append(
            f"for (int i = 0; i < {port.size}; i++) "
            f"l1f_{port.name}[i] = {port.element}(l1f_row[{start} + i]);"
        )
        if struct:
            filled.append(f"l1f_in.{port.path} = l1f_{port.name};")
        start += port.size
    argument = f"l1f_{imported.inputs[0].name}"
    if struct:
        argument = "&l1f_in" if top.endswith("*") else "l1f_in"
    given = f"std::any(static_cast<{top}>({argument}))"
    read, write = [], []
    for function in dict.fromkeys(port.function for port in imported.outputs):
        ports = [port for port in imported.outputs if port.function == function]
        own = "static_cast<" + wrapper.name + "*>(model)"
        target = f"l1f_{function}"
        declared += _result(ports, target, wrapper.structs)
        pointer = target if _is_row(ports) else f"&{target}"
        caller = "model" if function == "read_result" else own
        read.append(f"{caller}->{function}(std::any(static_cast<{ports[0].text}>({pointer})));")
    for port in imported.outputs:
        place = f"l1f_{port.function}" + (f".{port.path}" if port.path else "")
        element = f"{place}[i]" if port.indexed else place
        write.append(f"for (int i = 0; i < {port.size}; i++) l1f_put(out, double({element}));")
    lines = [
        "auto *model = create_model();",
        *declared,
        f"double l1f_row[{total}];",
        f"while (std::fread(l1f_row, sizeof(double), {total}, in) == {total}) {{",
        *(f"    {line}" for line in (*filled, f"model->prepare_input({given});", "model->predict();")),
        *(f"    {line}" for line in (*read, *write)),
        "}",
        "delete model;",
    ]
    text = "\n        ".join(lines)
    head = (
        "static void l1f_put(std::FILE *out, double value) { std::fwrite(&value, sizeof value, 1, out); }\n"
        f"struct l1f_harness : {wrapper.name} {{\n    static void run(std::FILE *in, std::FILE *out) {{\n"
        f"        {text}\n    }}\n}};\n"
    )
    return head, "l1f_harness::run(in, out);"


def _is_row(ports: Sequence[PackagePort]) -> bool:
    """Whether the result is a plain row of elements."""
    return ports[0].path == "" and not ports[0].text.startswith(("std::array", "array"))


def _result(ports: Sequence[PackagePort], target: str, structs: Any) -> list[str]:
    """Declarations of what a function writes its result to."""
    kind = ports[0].text.rstrip().removesuffix("*")
    if _is_row(ports):
        return [f"static {kind} {target}[{ports[0].size}];"]
    lines = [f"static {kind} {target};"]
    for declared in structs.get(kind.strip(), []):
        size = next((p.size for p in ports if p.path == declared.name), 1)
        if declared.pointer:
            lines.append(f"static {declared.type} {target}_{declared.name}[{size}];")
            lines.append(f"{target}.{declared.name} = {target}_{declared.name};")
    return lines


def _network_harness(imported: Imported) -> tuple[str, str]:
    """The top function on arrays of its own types."""
    source, package = imported.source, imported.package
    scope = _namespace(next(t.text for t in package.texts if t.path == package.top_file), source.name)
    total = sum(port.size for port in imported.inputs)
    places = {port.name: port for port in imported.inputs} | {port.path: port for port in imported.outputs}
    lines = [f"using namespace {scope};"] if scope else []
    lines += [f"static {places[n].text} l1f_{n}[{places[n].size}];" for n in source.arguments if n in places]
    lines += [f"double l1f_row[{total}];"]
    lines += [f"while (std::fread(l1f_row, sizeof(double), {total}, in) == {total}) {{"]
    start = 0
    for port in imported.inputs:
        lines.append(
            f"for (int i = 0; i < {port.size}; i++) l1f_{port.name}[i] = {port.text}(l1f_row[{start} + i]);"
        )
        start += port.size
    called = ", ".join(f"l1f_{name}" for name in source.arguments)
    lines.append(f"{f'{scope}::' if scope else ''}{source.name}({called});")
    for port in imported.outputs:
        lines.append(
            f"for (int i = 0; i < {port.size}; i++) {{ double v = double(l1f_{port.path}[i]); "
            "std::fwrite(&v, sizeof v, 1, out); }"
        )
    text = "\n    ".join([*lines, "}"])
    head = f"static void l1f_run(std::FILE *in, std::FILE *out) {{\n    {text}\n}}\n"
    return head, "l1f_run(in, out);"


def _namespace(text: str, name: str) -> str:
    """The namespace in which a function is defined, ``a::b``, or nothing."""
    match = re.search(rf"\bvoid\s+{re.escape(name)}\s*\(", text)
    before = text[: match.start()] if match else ""
    opened: list[str] = []
    for found in re.finditer(r"\bnamespace\s+([\w:]+)\s*\{|[{}]", before):
        if found.group(1):
            opened.append(found.group(1))
        elif found.group() == "{":
            opened.append("")
        elif opened:
            opened.pop()
    return "::".join(part for part in opened if part)
