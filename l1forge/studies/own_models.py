"""What training scripts of users' projects are made of: inputs from event files, the HLS project again.

A project's ``models/NAME/train.py`` (made by ``l1forge new``) calls these and ``l1forge.import_model``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.studies.imports import check_columns


def inputs(
    file: str | Path, sources: Sequence[str], *, first: int = 0, most: int | None = None
) -> NDArray[np.int64]:
    """Hardware integers of event columns, of shape (events, len(sources)).

    Parameters
    ----------
    file
        Event file of any format.
    sources
        One event column for each input, such as ``"mu.pt[0]"``.
    first, most
        Number of events to leave out at the start, and largest number to read.

    Raises
    ------
    InputError
        If the file or a column cannot be read, or no event is left.

    Examples
    --------
    >>> import l1forge
    >>> from l1forge.studies.own_models import inputs
    >>> inputs(l1forge.sample("ttbar"), ["mu.pt[0]", "jet.et[0]"], most=100).shape
    (100, 2)
    """
    check_columns(sources, "sources")
    slots = [source.removesuffix("]").partition("[")[::2] for source in sources]
    parts, left = [], most
    opened = open_events(file)
    skipped = opened.after(first) if first else opened
    for events in skipped.blocks(dict.fromkeys(name for name, _ in slots)):
        rows = np.stack([events.column(name)[int(slot)] for name, slot in slots], axis=1).astype(np.int64)
        parts.append(rows if left is None else rows[:left])
        if left is not None:
            left -= len(parts[-1])
            if left <= 0:
                break
    if not sum(map(len, parts)):
        raise InputError("holds no event", file=file, remedy=f"the first {first} are left out")
    return np.concatenate(parts)


def hls_model(
    model: str | Path,
    folder: str | Path,
    types: str | Path,
    *,
    input_shapes: Sequence[tuple[int, ...]] = (),
    sources: Sequence[str] | None = None,
) -> Any:
    """hls4ml's model of a trained network with the types that an earlier import chose.

    Parameters
    ----------
    model, input_shapes, sources
        As ``l1forge.import_model``.
    folder
        Where hls4ml writes the project.
    types
        The types file of the import (``Imported.choice.types.save``).

    Raises
    ------
    InputError
        As ``l1forge.import_model``.
    """
    from l1forge.firmware.hls.choose.types_file import TypesFile
    from l1forge.firmware.hls.converters.conversion import Conversion
    from l1forge.screen.quiet import quiet_stderr

    file = TypesFile.load(types)
    settings = {
        "default_precision": file.default or "fixed<16,6>",
        "max_precision": None,
        "io_type": "io_parallel",
        "strategy": file.model.get("Strategy", "Latency"),
        "reuse_factor": file.model.get("ReuseFactor", 1),
    }
    kinds, layers = file.arguments(None, {})
    conversion = Conversion(
        Path(model), None, input_shapes, settings, sources, file.options, file.biases, quiet_stderr
    )
    return conversion(Path(folder), kinds, layers)[1]
