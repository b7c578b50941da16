"""Event files from one format to another, joined, cut and selected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.cicada import LARGEST, SCORE_TYPE, scores_of, with_scores
from l1forge.emulator.events.cutting import columns_of, crossings, pieces
from l1forge.emulator.events.formats.object_words import absent_words
from l1forge.emulator.events.formats.ugt_vectors import FULL
from l1forge.emulator.events.objects import SAMPLE_COLUMNS, WEIGHT, Events
from l1forge.emulator.events.sink import format_of, write_any
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.scoring.files import read_scores
from l1forge.screen.outputs import check_outputs
from l1forge.studies.html import html_lines, html_table

Track = Callable[[Iterator[Events], int | None], Iterator[Events]]
"""Passes blocks on; its second argument is the number of crossings, None if only reading tells."""


@dataclass(frozen=True)
class Conversion:
    """What was written.

    ``files``: crossings in each file. ``described``: name, format and content of every input that was read,
    ``empty``: those without crossings. ``zeros``: columns that the inputs lack and the format has. ``notes``:
    what did not fit, counted. ``stale``: the next file of an earlier, longer run.
    """

    files: dict[Path, int]
    format: str
    source_format: str
    described: tuple[tuple[str, str, str], ...]
    notes: dict[str, int]
    zeros: tuple[str, ...]
    empty: tuple[Path, ...]
    stale: Path | None = None

    @property
    def crossings(self) -> int:
        """Crossings in all files."""
        return sum(self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; what ``l1forge convert --json`` prints."""
        return {
            "crossings": self.crossings,
            "from": self.source_format,
            "to": self.format,
            "notes": dict(self.notes),
            "written_as_zeros": list(self.zeros),
            "files": {str(target): count for target, count in self.files.items()},
            "empty": [str(path) for path in self.empty],
        }

    def _repr_html_(self) -> str:
        rows = [(target, count, self.format) for target, count in self.files.items()]
        return html_table("converted", ("file", "crossings", "format"), rows) + html_lines(
            f"{note}: {count:,}" for note, count in self.notes.items()
        )


def convert(
    sources: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    to: str | None = None,
    layout: Literal["compact", "packed", "dense"] = "compact",
    columns: int | None = None,
    bx: int = 0,
    emulated: bool = False,
    skip: int = 0,
    limit: int | None = None,
    select: str | None = None,
    split: int | None = None,
    cicada: str | Path | None = None,
    track: Track = lambda blocks, total: blocks,
) -> Conversion:
    """Convert event files; integers stay what they are, and everything that did not fit is counted.

    Parameters
    ----------
    sources
        Parquet, ADC2021 HDF5, NanoAOD, test vector or pattern files; several are joined in order.
    output, to
        File to write, and its format (parquet, test-vectors, empv1, empv2 or apx); None: by its name.
    layout
        Parquet: ``"compact"`` (small), ``"packed"`` (small, read twice as fast) or ``"dense"`` (fastest).
    columns
        Test vectors: 60 columns, or 48 (2015, 2016); None: as the source, else 60.
    bx, emulated
        NanoAOD: bunch crossing to take (0: the triggered one); re-emulated objects.
    skip, limit
        Crossings to leave out at the start, and how many to take after them (None: all).
    select
        Only these columns, separated by commas, such as ``"mu.pt,jet"``.
    split
        At most so many crossings in a file: OUTPUT-0000, OUTPUT-0001 …
    cicada
        File of raw scores (``l1forge emulate``), one row for each crossing that is written: they become the
        CICADA scores of the link words.
    track
        Wraps the blocks while they are read, for a progress bar.

    Raises
    ------
    InputError
        If a file or a column cannot be used, or the files cannot be joined.

    Examples
    --------
    >>> import l1forge
    >>> result = l1forge.convert(l1forge.sample("ttbar"), "orbit.txt", limit=3564)
    >>> result.crossings, result.format
    (3564, 'test-vectors')
    """
    paths = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    output = Path(output)
    if layout not in ("compact", "packed", "dense"):
        raise InputError("compact, packed or dense", field="--layout", value=layout)
    check_outputs(output, inputs=paths)
    format_name = format_of(output, to)
    files = [open_events(source, bx, emulated or None, weighted=format_name == "parquet") for source in paths]
    if emulated and not any(file.format == "NanoAOD" for file in files):
        raise InputError("only NanoAOD has re-emulated objects", file=paths[0], field="--emulated")
    filled, empty = [file for file in files if file.n != 0], [file.path for file in files if file.n == 0]
    used = filled or files[:1]
    wanted = columns_of(used[0], select)
    if select is None and format_name != "parquet":
        # words are written whole, bits that no field holds included; parquet has only fields and counts them
        wanted = (*wanted, *(name for name in used[0].optional if name not in SAMPLE_COLUMNS))
    if format_name == "parquet":
        wanted = (*wanted, *(name for name in used[0].optional if name in SAMPLE_COLUMNS))
    for file in used[1:]:
        check_same(used[0], file, wanted, select)
    total = _total(used, skip, limit)
    if total == 0 and filled:
        raise InputError("nothing is left after the crossings skipped", field="--skip", value=skip)
    blocks = crossings(_joined(used, wanted), skip, limit)
    replaced: Counter[str] = Counter()
    if cicada is not None:
        blocks = with_cicada(blocks, Path(cicada), total, replaced)
    blocks = track(blocks, total)
    metadata = _metadata(used, skip)
    layouts = {file.row_columns or FULL for file in used}
    rows = columns or (layouts.pop() if len(layouts) == 1 else FULL)
    written = wanted if cicada is None else (*wanted, "link")
    zeros = [] if format_name == "parquet" else absent_words(written)
    results: dict[Path, int] = {}
    stale: Path | None = None
    if split is None:
        results[output] = write_any(output, blocks, format_name, metadata, layout, rows)
    else:
        for number, piece in enumerate(pieces(blocks, split)):
            target = numbered(output, number)
            check_outputs(target, inputs=paths)
            results[target] = write_any(target, piece, format_name, metadata, layout, rows)
        stale = numbered(output, len(results))
    counted: Counter[str] = sum((file.notes for file in used), replaced)
    return Conversion(
        results,
        format_name,
        metadata["source_format"],
        tuple((file.path.name, file.format, file.description) for file in used),
        dict(counted),
        tuple(zeros),
        tuple(empty),
        stale if stale is not None and stale.exists() else None,
    )


def with_cicada(
    blocks: Iterator[Events], path: Path, total: int | None, replaced: Counter[str]
) -> Iterator[Events]:
    """``blocks`` with the scores of ``path`` in their link words; scores that were there are counted.

    Raises
    ------
    InputError
        If the file does not hold one integer of ufixed<16,8> for each crossing.
    """
    scores = cicada_scores(path)
    if total is not None and total != len(scores):
        raise _not_one_each(path, len(scores), total)
    first = 0
    for block in blocks:
        part = scores[first : first + block.n]
        if len(part) < block.n:
            raise _not_one_each(path, len(scores), f"more than {first + len(part)}")
        link = np.asarray(block["link"], np.uint32) if "link" in block else None
        if link is not None and (changed := int(np.count_nonzero(scores_of(link)))):
            replaced["CICADA scores of the source, replaced"] += changed
        columns = {**block, "link": with_scores(part, link)}
        yield Events.of_rows(columns, block.n)
        first += block.n
    if first < len(scores):
        raise _not_one_each(path, len(scores), first)


def _not_one_each(path: Path, scores: int, crossings: int | str) -> InputError:
    return InputError(
        "one score for each crossing is needed",
        file=path,
        field="--cicada",
        value=f"{scores} scores, {crossings} crossings",
        remedy="--skip and --limit choose the crossings",
    )


def cicada_scores(path: Path) -> NDArray[np.integer[Any]]:
    """The raw scores (n,) of a file with one column.

    Raises
    ------
    InputError
        If it has several, says another type than ufixed<16,8>, or a value does not fit it.
    """
    file = read_scores(path)
    if len(file.arrays) != 1:
        raise InputError(
            "one column of scores is needed", file=path, field="--cicada", value=", ".join(file.arrays),
            remedy="emulate --score NAME writes one",
        )  # fmt: skip
    (name, values) = next(iter(file.arrays.items()))
    wanted = FixedType.parse(SCORE_TYPE)
    found = FixedType.parse(file.types[name]) if name in file.types else wanted
    if (found.signed, found.width, found.integer) != (wanted.signed, wanted.width, wanted.integer):
        raise InputError(
            f"a CICADA score is {SCORE_TYPE}", file=path, field=name, value=str(found),
            remedy="give the model's output this type",
        )  # fmt: skip
    if values.ndim != 1:
        raise InputError("one score for each crossing is needed", file=path, field=name, value=values.shape)
    outside = (values < 0) | (values > LARGEST)
    if outside.any():
        raise InputError(
            f"is no raw integer of {SCORE_TYPE}", file=path, field=f"{name}, row {int(outside.argmax())}",
            value=int(values[outside.argmax()]), remedy=f"0 .. {LARGEST}",
        )  # fmt: skip
    return values


def numbered(output: Path, number: int) -> Path:
    """``events-0003.parquet`` for ``events.parquet`` and 3."""
    return output.with_name(f"{output.stem}-{number:04d}{output.suffix}")


def check_same(first: EventSource, other: EventSource, wanted: tuple[str, ...], select: str | None) -> None:
    """Demand that ``other`` can be joined to ``first``: the same columns are read from both.

    Raises
    ------
    InputError
        If it lacks one of the columns, or has others that were not left out on purpose.
    """
    lacking = [name for name in wanted if name not in (*other.columns, *other.optional)]
    if WEIGHT in other.optional and WEIGHT not in wanted:
        raise InputError(
            "holds weighted events, and other inputs have no weights",
            file=other.path,
            remedy="join weighted samples with weighted ones",
        )
    beyond = [] if select else [name for name in other.columns if name not in wanted]
    if lacking or beyond:
        problem = f"has no such column, {first.path} has" if lacking else f"is not a column of {first.path}"
        raise InputError(
            problem, file=other.path, field=(lacking or beyond)[0], remedy="join them with --select"
        )


def _total(files: list[EventSource], skip: int, limit: int | None) -> int | None:
    """Crossings that will be written; None where only reading tells."""
    if any(file.n is None for file in files):
        return None
    total = max(0, sum(file.n or 0 for file in files) - skip)
    return total if limit is None else min(limit, total)


def _metadata(files: list[EventSource], skip: int) -> dict[str, Any]:
    """What the new file says of its origin."""
    metadata: dict[str, Any] = {
        **(files[0].metadata or {"description": files[0].description}),
        "source": ", ".join(file.path.name for file in files),
        "source_format": ", ".join(dict.fromkeys(file.format for file in files)),
    }
    for name in ("exposure", "effective"):  # of the whole file, or of one of several
        metadata.pop(name, None)
    if skip:
        metadata["skipped"] = skip
    return metadata


def _joined(files: list[EventSource], wanted: tuple[str, ...]) -> Iterator[Events]:
    for file in files:
        for block in file.blocks(wanted):
            yield Events.of_rows({name: block[name] for name in wanted}, block.n)
