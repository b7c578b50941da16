"""What a project needs to be called from Python, for projects that were passed on without it.

hls4ml writes a bridge (``NAME_bridge.cpp``) and a copy of the ``ap_types`` headers beside every project.
People leave both out when they publish one: then the bridge is written here, and hls4ml's headers are used.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.project.parse import split_arguments
from l1forge.firmware.hls.project.source import Source


def ap_types(source: Source) -> Path:
    """The folder of ap_fixed.h: the project's own, else the one of the installed hls4ml.

    Raises
    ------
    InputError
        If there is neither.
    """
    own = source.folder / "firmware" / "ap_types"
    return own if (own / "ap_fixed.h").is_file() else installed_ap_types(own)


def installed_ap_types(own: Path | None = None) -> Path:
    """The folder of ap_fixed.h of the installed hls4ml; ``own`` is where a project lacks it.

    Raises
    ------
    InputError
        If hls4ml is not installed.
    """
    found = importlib.util.find_spec("hls4ml")  # found without being imported
    if found is None or found.origin is None:
        raise InputError(
            "the project has no ap_types headers",
            file=own,
            remedy="pip install 'l1forge[firmware]', which brings them with hls4ml, or copy them there",
        )
    return Path(found.origin).parent / "templates" / "vivado" / "ap_types"


def own_bridge(source: Source) -> Path | None:
    """The bridge that hls4ml wrote, if it is there."""
    bridge = source.folder / f"{source.name}_bridge.cpp"
    return bridge if bridge.is_file() else None


def bridge_text(source: Source, sizes: Mapping[str, int]) -> str:
    """C++ with ``NAME_double``: doubles in, the top function, doubles out; ``sizes`` by argument.

    Raises
    ------
    InputError
        If the size of a stream is not known.
    """
    lines = []
    for name in source.arguments:
        size = sizes.get(name) or source.arrays[name][1]
        if not size:
            raise source.error(
                "size of a stream is not known", name, remedy=f"keep {source.name}_bridge.cpp in the project"
            )
        kind = source.arrays[name][0]
        local = f"hls::stream<{kind}> {name}_ap" if source.streamed else f"{kind} {name}_ap[{size}]"
        lines.append((name, kind, size, local))
    written = set(source.outputs)
    declared = "".join(f"    {local};\n" for _, _, _, local in lines)
    given = "".join(
        f"    nnet::convert_data<double, {kind}, {size}>({name}, {name}_ap);\n"
        for name, kind, size, _ in lines
        if name not in written
    )
    taken = "".join(
        f"    nnet::convert_data<{kind}, double, {size}>({name}_ap, {name});\n"
        for name, kind, size, _ in lines
        if name in written
    )
    arguments = _arguments(source)
    memories = [name for name in arguments if name not in source.arguments]
    included = "".join(f'#include "firmware/weights/{name}.h"\n' for name in memories)
    called = ", ".join(name if name in memories else f"{name}_ap" for name in arguments)
    parameters = ", ".join(f"double *{name}" for name in source.arguments)
    header = (source.folder / "firmware" / f"{source.name}.h").read_text(encoding="utf-8", errors="replace")
    namespaces = "".join(
        f"    using namespace {n};\n" for n in re.findall(r"\bnamespace\s+(\w+)\s*\{", header)
    )
    return (
        f'#include "firmware/{source.name}.h"\n#include "firmware/nnet_utils/nnet_helpers.h"\n{included}'
        "#include <map>\n#include <string>\n\n"
        "namespace nnet {\nbool trace_enabled = false;\n"
        "std::map<std::string, void *> *trace_outputs = NULL;\nsize_t trace_type_size = sizeof(double);\n}\n"
        f'extern "C" void {source.name}_double({parameters}) {{\n{namespaces}'
        f"{declared}{given}    {source.name}({called});\n{taken}}}\n"
    )


def _arguments(source: Source) -> list[str]:
    """Names of all arguments of the top function, memories of weights too, in order."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", source.file.read_text(encoding="utf-8"), flags=re.S)
    found = re.search(rf"void\s+{re.escape(source.name)}\s*\((.*?)\)\s*\{{", text, flags=re.S)
    parts = split_arguments(found.group(1)) if found else ()
    return [names[-1] for part in parts if (names := re.findall(r"\w+", part.partition("[")[0]))]
