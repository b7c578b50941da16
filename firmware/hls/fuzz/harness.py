"""Compiles many small networks in one translation unit and runs each on its events."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.project.parse import read_source
from l1forge.firmware.hls.project.source import Source
from l1forge.firmware.tools import children


@dataclass
class Built:
    """A network written to ``folder`` and parsed back."""

    name: str
    folder: Path
    source: Source
    inputs: list[str]
    outputs: list[str]

    def type(self, array: str) -> FixedType:
        return self.source.type(self.source.arrays[array][0]).fixed


def describe(name: str, folder: Path) -> Built:
    """What was written to ``folder``: its source as it is read back, with its arrays in and out."""
    source = read_source(folder)
    return Built(name, folder, source, source.inputs, source.outputs)


def headers(folder: Path) -> Path:
    """hls4ml's Vitis headers merged in one folder (its writer does the same for every project)."""
    import hls4ml

    templates = Path(hls4ml.__file__).parent / "templates"
    target = folder / "headers"
    if not target.exists():
        shutil.copytree(templates / "vivado" / "nnet_utils", target / "nnet_utils")
        for path in (templates / "vitis" / "nnet_utils").glob("*.h"):
            shutil.copy(path, target / "nnet_utils" / path.name)
        (target / "nnet_utils" / "nnet_code_gen.h").unlink()
        shutil.copytree(templates / "vivado" / "ap_types", target / "ap_types")
    return target


def _wrapper(built: Built) -> str:
    """C entry point that runs ``n`` events on raw integers."""
    lines = [
        f'extern "C" void run_{built.name}(long n, const long **in, long **out) {{',
        f"  using namespace {built.name};",
        "  for (long e = 0; e < n; e++) {",
    ]
    if built.source.streamed:
        return "\n".join([*lines, *_streams(built), "  }", "}", ""])
    for kind, names in (("in", built.inputs), ("out", built.outputs)):
        for number, array in enumerate(names):
            type_name, size = built.source.arrays[array]
            lines.append(f"    static {built.name}::{type_name} {kind}_{number}[{size}];")
            if kind == "in":
                width = built.type(array).width
                lines.append(
                    f"    for (int i = 0; i < {size}; i++)"
                    f" in_{number}[i].range({width} - 1, 0) = in[{number}][e * {size} + i];"
                )
    arguments = [f"in_{built.inputs.index(a)}" if a in built.inputs else f"out_{built.outputs.index(a)}"
                 for a in built.source.arguments]  # fmt: skip
    lines.append(f"    {built.name}::{built.name}({', '.join(arguments)});")
    for number, array in enumerate(built.outputs):
        size, kind_ = built.source.arrays[array][1], built.type(array)
        holder = f"ap_{'' if kind_.signed else 'u'}int<{kind_.width}>"
        lines.append(
            f"    for (int i = 0; i < {size}; i++) {{ {holder} v = 0; v.range() = out_{number}[i].range();"
            f" out[{number}][e * {size} + i] = v.to_int64(); }}"
        )
    return "\n".join([*lines, "  }", "}", ""])


def _streams(built: Built) -> list[str]:
    """The same for streams: words of several elements in, words out."""
    lines, kinds = [], {}
    for kind, names in (("in", built.inputs), ("out", built.outputs)):
        for number, array in enumerate(names):
            kinds[array] = (f"{kind}_{number}", f"{built.name}::{built.source.arrays[array][0]}")
            lines.append(f"    hls::stream<{kinds[array][1]}> {kinds[array][0]};")
    for number, array in enumerate(built.inputs):
        stream, word = kinds[array]
        size, width = built.source.arrays[array][1], built.type(array).width
        lines.append(
            f"    for (int i = 0; i < {size}; i += {word}::size) {{ {word} w;"
            f" for (int j = 0; j < {word}::size; j++) w[j].range({width} - 1, 0) ="
            f" in[{number}][e * {size} + i + j]; {stream}.write(w); }}"
        )
    lines.append(f"    {built.name}::{built.name}({', '.join(kinds[a][0] for a in built.source.arguments)});")
    for number, array in enumerate(built.outputs):
        stream, word = kinds[array]
        size, kind_ = built.source.arrays[array][1], built.type(array)
        holder = f"ap_{'' if kind_.signed else 'u'}int<{kind_.width}>"
        lines.append(
            f"    for (int i = 0; i < {size}; i += {word}::size) {{ {word} w = {stream}.read();"
            f" for (int j = 0; j < {word}::size; j++) {{ {holder} v = 0; v.range() = w[j].range();"
            f" out[{number}][e * {size} + i + j] = v.to_int64(); }} }}"
        )
    return lines


def compile_together(builds: Sequence[Built], folder: Path) -> Path:
    """One shared library for all networks.

    Raises
    ------
    InputError
        If g++ is missing or rejects one of them.
    """
    text = ['#include "nnet_utils/nnet_common.h"', '#include "nnet_utils/nnet_function_stubs.h"']
    for built in builds:
        firmware = built.folder / "firmware"
        guards = ["DEFINES_H_", "PARAMETERS_H_", "NNET_INSTR_GEN_H_"]
        guards += [f"{path.stem.upper()}_H_" for path in (firmware / "weights").glob("*.h")]
        text += [f"#undef {guard}" for guard in guards]
        text.append(f"namespace {built.name} {{ using nnet::bit_shift; }}")
        text.append(f'#include "{firmware / built.name}.cpp"')
        text.append(_wrapper(built))
    unit = folder / "unit.cpp"
    unit.write_text("\n".join(text) + "\n", encoding="utf-8")
    include = headers(folder)
    library = folder / "unit.so"
    # ap_private asserts where ap_fixed rounds away more bits than there are, before it takes the right branch
    command = [
        "g++",
        "-O0",
        "-DNDEBUG",
        "-w",
        "-std=c++17",
        "-fPIC",
        "-shared",
        "-fno-gnu-unique",
        f"-I{include}",
    ]
    command += [f"-I{include / 'nnet_utils'}", f"-I{include / 'ap_types'}", str(unit), "-o", str(library)]
    result = children.run(command)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line][:3]
        raise InputError("g++ rejects a generated network", file=unit, value=" | ".join(lines))
    return library


def run(library: ctypes.CDLL, built: Built, inputs: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Run one network of the library on raw integers, arrays of shape (n, size)."""
    count = len(inputs[0])
    fed = [np.ascontiguousarray(array, dtype=np.int64) for array in inputs]
    results = [np.zeros((count, built.source.arrays[name][1]), np.int64) for name in built.outputs]
    pointer = ctypes.POINTER(ctypes.c_long)

    def pointers(arrays: list[NDArray[np.int64]]) -> Any:
        return (pointer * len(arrays))(*(a.ctypes.data_as(pointer) for a in arrays))

    getattr(library, f"run_{built.name}")(ctypes.c_long(count), pointers(fed), pointers(results))
    return results
