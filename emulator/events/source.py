"""The front door: any event file, recognised by its content, as a stream of hardware integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, rechunk, skip_crossings
from l1forge.emulator.events.formats import adc2021, dense, nanoaod, parquet
from l1forge.emulator.events.formats import ugt_vectors as test_vectors
from l1forge.emulator.events.formats.foreign import refuse_foreign
from l1forge.emulator.events.formats.link_map import COLUMN_NAMES as LINK_COLUMNS
from l1forge.emulator.events.formats.pattern_events import read_pattern
from l1forge.emulator.events.formats.patterns import sniff_pattern
from l1forge.emulator.events.objects import SPARE, Events

Reader = Callable[[Iterable[str] | None, int], Iterator[Events]]


@dataclass(frozen=True)
class EventSource:
    """An event file that can be streamed any number of times.

    ``n`` is the number of crossings, None where only reading tells. ``notes`` fills while blocks are read:
    everything that did not fit, saturated or was left out, with its count.
    """

    path: Path
    format: str
    description: str
    columns: tuple[str, ...]
    n: int | None
    read: Reader
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of itself: seed, process, pile-up ... of this project's parquet."""
    notes: Counter[str] = field(default_factory=Counter)
    block_size: int = BLOCK_SIZE
    """Crossings in a block if nothing else is asked for."""
    optional: tuple[str, ...] = ()
    """Columns that are read only if asked for by name: the bits that no field holds."""
    row_columns: int | None = None
    """Of test vectors: columns of a row, 60 or 48."""
    first: int = 0
    """Row of the file that is the first crossing here."""

    def blocks(self, columns: Iterable[str] | None = None, block_size: int | None = None) -> Iterator[Events]:
        """Stream blocks of ``block_size`` crossings with ``columns`` (None: all); the last may be shorter.

        ``block_size`` None: that of the source.

        Raises
        ------
        InputError
            A column the file does not have, a block size below 1, or content that can not be used.
        """
        if block_size is not None and block_size < 1:
            raise InputError("must be at least 1", field="block size", value=block_size)
        return self.read(columns, block_size or self.block_size)

    def after(self, rows: int) -> EventSource:
        """The same file without its first ``rows`` crossings."""

        def read(columns: Iterable[str] | None, block: int) -> Iterator[Events]:
            return rechunk(skip_crossings(self.read(columns, block), rows), block)

        n = None if self.n is None else max(self.n - rows, 0)
        return replace(self, n=n, read=read, first=self.first + rows)

    def has(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Those of ``columns`` that this source holds: ask for them, the others are zero in its events."""
        return tuple(name for name in columns if name in self.columns)


def open_events(path: str | Path, bx: int = 0, emulated: bool | None = None) -> EventSource:
    """Recognise ``path`` by its first bytes and describe it; nothing but headers is read.

    ``bx``: which bunch crossing of a NanoAOD record to take (other formats have one). ``emulated``: its
    re-emulated objects (True), those that the trigger sent (False); None: the latter where there are both.

    Raises
    ------
    InputError
        Not a file, empty, or of no known format.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder", file=path, remedy="name an event file")
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path, remedy="check the name") from error
    if not head:
        raise InputError("is empty", file=path, remedy="write or copy it again")
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _adc2021(path)
    if head.startswith(b"root"):
        return _nanoaod(path, bx, emulated)
    if test_vectors.sniff_columns(test_vectors.first_row(head)[1]):
        return _test_vectors(path, head)
    if pattern := sniff_pattern(head.decode("latin-1")):
        return _pattern(path, pattern)
    refuse_foreign(head, path)
    raise InputError(
        "not a known event format",
        file=path,
        value=head[:12],
        remedy="parquet, ADC2021 HDF5, NanoAOD ROOT, test vector or pattern file, see docs/formats.md",
    )


def _parquet(path: Path) -> EventSource:
    file: pq.ParquetFile = parquet.open_parquet(path)
    header = parquet.metadata(path, file)
    dense.check_slots(path, file.schema_arrow.names)
    described = ", ".join(
        f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in header.items()
        if isinstance(value, str | int | float) and key not in ("format", "version", "n")
    )
    return EventSource(
        path,
        "parquet",
        described or "parquet of another origin",
        parquet.available_columns(file),
        file.metadata.num_rows,
        lambda columns, block: parquet.read_events(path, columns, block, file),
        {key: value for key, value in header.items() if key not in ("format", "version", "layout")},
        block_size=parquet.block_size(path, file),
    )


def _adc2021(path: Path) -> EventSource:
    with adc2021.open_dataset(path) as dataset:
        n = int(dataset.shape[0])
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "ADC2021 HDF5",
        "anomaly-detection challenge; lepton-filtered: absolute rates are not physical",
        adc2021.COLUMN_NAMES,
        n,
        lambda columns, block: adc2021.read_adc2021(path, columns, block, notes),
        notes=notes,
    )


def _nanoaod(path: Path, bx: int, emulated: bool | None) -> EventSource:
    description, columns, n = nanoaod.describe(path, bx, emulated)
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "NanoAOD",
        description,
        columns,
        n,
        lambda columns, block: nanoaod.read_nanoaod(path, columns, block, notes, bx, emulated),
        notes=notes,
    )


def _test_vectors(path: Path, head: bytes) -> EventSource:
    line, row = test_vectors.first_row(head)
    columns = test_vectors.sniff_columns(row)
    if columns not in (test_vectors.FULL, test_vectors.EARLY):
        raise InputError(
            f"a test-vector row needs {test_vectors.FULL} or {test_vectors.EARLY} columns",
            file=path,
            field=f"line {line}",
            value=columns,
        )
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "test vectors",
        f"global-trigger test vectors, {columns} columns",
        test_vectors.column_names(columns),
        None,
        lambda wanted, block: test_vectors.read_test_vectors(path, wanted, block, notes),
        notes=notes,
        optional=(SPARE,),
        row_columns=columns,
    )


def _pattern(path: Path, format_name: str) -> EventSource:
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        format_name,
        f"{format_name} pattern file of this project's link map",
        LINK_COLUMNS,
        None,
        lambda columns, block: read_pattern(path, columns, block, notes),
        notes=notes,
        optional=(SPARE,),
    )
