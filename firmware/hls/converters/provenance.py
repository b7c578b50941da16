"""Where a graph comes from: files, versions, what was asked for and what was used."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l1forge.firmware.hls.objects import HlsModel

FRAMEWORKS = {
    **dict.fromkeys(
        (".keras", ".h5", ".hdf5", ".json"), ("tensorflow", "tf_keras", "keras", "QKeras", "hgq2")
    ),
    **dict.fromkeys((".pt", ".pth", ".pt2"), ("torch",)),
    ".onnx": ("onnx", "qonnx"),
}
"""Packages that read a kind of file."""
USES = ("result", "weight", "bias", "scale", "accum")


def file_sha256(path: str | Path) -> str:
    """The hash of a file, block by block."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(files: Sequence[Path], asked: Mapping[str, Any], hls_model: HlsModel) -> dict[str, Any]:
    """The record of a converted model: its files with hashes, ``asked`` as given, types used by layer."""
    names = ("l1forge", "hls4ml", *FRAMEWORKS.get(files[0].suffix, ()))
    return {
        "source": [{"file": file.name, "sha256": file_sha256(file)} for file in files],
        "versions": versions(names),
        "asked": dict(asked),
        "used": used(hls_model),
    }


def versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def used(hls_model: HlsModel) -> dict[str, dict[str, Any]]:
    """Types, strategy and reuse factor of each layer of hls4ml's model."""
    found: dict[str, dict[str, Any]] = {}
    for node in hls_model.get_layers():
        kinds = {use: str(node.types[f"{use}_t"].precision) for use in USES if f"{use}_t" in node.types}
        kinds |= {use: str(weight.type.precision) for use, weight in node.weights.items() if use in USES}
        options = {key: node.get_attr(key) for key in ("strategy", "reuse_factor", "table_size")}
        found[node.name] = kinds | {
            key: value for key, value in options.items() if isinstance(value, str | int)
        }
    return found


def project_provenance(
    folder: Path, name: str, defines: Mapping[str, str], reference: str | Path | None
) -> dict[str, Any]:
    """The record of an imported project: one hash of all files in ``firmware/`` and of the model it is of."""
    state = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cpp", ".txt", ".hpp")):
        state.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    record: dict[str, Any] = {
        "source": [{"file": name, "sha256": state.hexdigest()}],
        "versions": versions(("l1forge",)),
        "asked": {"defines": dict(defines)},
    }
    if reference is not None:
        path = Path(reference)
        record["reference"] = {"file": path.name, "sha256": file_sha256(path)}
        record["versions"] |= versions(FRAMEWORKS.get(path.suffix, ()))
    return record
