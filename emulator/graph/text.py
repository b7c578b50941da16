"""The text form of a node, written and read: JSON whose arrays diff well, one row a line."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.graph.operations import OPERATIONS


def node_text(node: Node) -> str:
    """One node as JSON: what it is on one line, then one line per row of every constant."""
    head: dict[str, Any] = {"name": node.name, "op": node.op}
    if node.inputs:
        head["inputs"] = list(node.inputs)
    head |= {"shape": list(node.shape), "type": str(node.type)}
    head |= {key: node.attributes[key] for key in sorted(node.attributes)}
    text = "  " + json.dumps(head)[:-1]
    for key, constant in node.constants.items():
        rows = (
            constant.data.reshape(-1, constant.data.shape[-1])
            if constant.data.ndim
            else constant.data[None, None]
        )
        body = ",\n".join("    " + ",".join(str(int(v)) for v in row) for row in rows)
        shape = json.dumps(list(constant.data.shape))
        text += f',\n   "{key}": {{"type": "{constant.type}", "shape": {shape}, "data": [\n{body}]}}'
    return text + "}"


def entry_of(entry: dict[str, Any], key: str, kind: type, where: str, file: str | None) -> Any:
    """``entry[key]``, an instance of ``kind``.

    Raises
    ------
    InputError
        If there is no such key, or its value is of another kind; ``where`` names the entry.
    """
    if key not in entry:
        raise InputError(f"{where} lacks {key!r}", file=file, field=where, remedy="export the model again")
    if not isinstance(entry[key], kind):
        raise InputError(f"{key!r} must be a {kind.__name__}", file=file, field=where, value=entry[key])
    return entry[key]


def _read_shape(value: object, where: str, file: str | None) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int and n >= 0 for n in value):
        raise InputError("shape must be a list of sizes", file=file, field=where, value=value)
    return tuple(value)


def _read_constant(entry: dict[str, Any], where: str, file: str | None) -> Constant:
    kind = FixedType.parse(entry_of(entry, "type", str, where, file), file=file, field=f"{where}: type")
    shape = _read_shape(entry_of(entry, "shape", list, where, file), f"{where}: shape", file)
    data = entry_of(entry, "data", list, where, file)
    if not all(type(v) is int for v in data):
        raise InputError("data must be a flat list of integers", file=file, field=where)
    size = math.prod(shape)
    if len(data) != size:
        raise InputError(
            f"data must have {size} values for shape {list(shape)}", file=file, field=where, value=len(data)
        )
    for v in data:
        if not kind.minimum <= v <= kind.maximum:
            raise InputError(f"weight does not fit its type {kind}", file=file, field=where, value=v)
    wide = kind.width > 62
    return Constant(kind, np.array(data, dtype=object if wide else np.int64).reshape(shape))


def read_node(entry: object, index: int, file: str | None) -> Node:
    """The node that ``node_text`` wrote; ``index`` is its place in the file, for messages.

    Raises
    ------
    InputError
        If a field is missing or of the wrong kind, the operation is unknown, or a number does not fit its
        type.
    """
    if not isinstance(entry, dict):
        raise InputError("node must be an object", file=file, field=f"nodes[{index}]", value=entry)
    name = entry_of(entry, "name", str, f"nodes[{index}]", file)
    where = f"node {name}"
    op = entry_of(entry, "op", str, where, file)
    if op not in OPERATIONS:
        raise InputError(
            "unknown operation",
            file=file,
            field=where,
            value=op,
            remedy=f"known: {', '.join(sorted(OPERATIONS))}",
        )
    kind = FixedType.parse(entry_of(entry, "type", str, where, file), file=file, field=f"{where}: type")
    shape = _read_shape(entry_of(entry, "shape", list, where, file), f"{where}: shape", file)
    inputs = entry.get("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(n, str) for n in inputs):
        raise InputError("inputs must be node names", file=file, field=where, value=inputs)
    attributes, constants = {}, {}
    for key, value in entry.items():
        if key in ("name", "op", "inputs", "shape", "type"):
            continue
        if isinstance(value, dict) and "data" in value:
            constants[key] = _read_constant(value, f"{where}: {key}", file)
        else:
            attributes[key] = value
    return Node(name, op, tuple(inputs), shape, kind, attributes, constants)
