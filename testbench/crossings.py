"""Crossings as rows of a menu's input ports, and as events and scores for the emulator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.menu.engine.inputs import wide_input
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.rtl.project import Port
from l1forge.testbench.stimuli import Block

Scores = dict[str, NDArray[np.int64]]
LINK = "link:"


def events_of(block: Block, ports: tuple[Port, ...]) -> tuple[Events, Scores]:
    """Rows of the ports (n, ports) as events and scores."""
    n = len(block)
    columns: dict[str, NDArray[np.generic]] = {"ext": np.zeros((4, n), np.uint64)}
    link = np.zeros((6, n), np.uint32)
    scores: Scores = {}
    for port, values in zip(ports, block.T, strict=True):
        collection, _, rest = port.node.partition(".")
        if port.node in COLUMNS:
            column = columns.setdefault(port.node, np.zeros((COLUMNS[port.node][0], n), np.int16))
            column[port.element] = values
        elif collection == EXTERNAL:
            word, bit = divmod(int(rest), 64)
            columns["ext"][word] |= values.astype(np.uint64) << np.uint64(bit)
        elif port.node.startswith(LINK):
            _to_link(link, port.node, values)
        else:
            size = sum(other.node == port.node for other in ports)
            scores.setdefault(port.node, np.zeros((size, n), np.int64))[port.element] = values
    columns["link"] = link
    return Events(columns, n), scores


def _to_link(link: NDArray[np.uint32], name: str, values: NDArray[np.int64]) -> None:
    """Put a number into the link words, where ``inputs.link_quantity`` finds it."""
    code = values.astype(np.uint32)
    if name == "link:cicada":
        for word in range(4):
            link[word] |= (code >> np.uint32(12 - 4 * word) & np.uint32(0xF)) << np.uint32(28)
    else:
        link[1 if name == "link:zdcm" else 2] |= code


def rows_of(events: Events, scores: Scores, ports: tuple[Port, ...]) -> Block:
    """Events and scores as rows of the ports (n, ports); what the events lack is zero."""
    rows = np.zeros((events.n, len(ports)), np.int64)
    for number, port in enumerate(ports):
        collection, _, rest = port.node.partition(".")
        if port.node in COLUMNS:
            rows[:, number] = events.column(port.node)[port.element]
        elif collection == EXTERNAL:
            word, bit = divmod(int(rest), 64)
            rows[:, number] = (events.column("ext")[word] >> np.uint64(bit)).astype(np.int64) & 1
        elif port.node.startswith(LINK) or port.node in scores:
            rows[:, number] = wide_input(port.node, events, scores)[port.element]
    return rows
