"""Counting a menu on many files: in pieces, on threads or a Dask cluster, kept on disk until all are done.

A piece is a range of rows of one file that begins with the first crossing of an orbit. Its result are
integers that add up exactly, so that pieces may be counted anywhere, in any order, and in several attempts.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.lumi_mask import LumiMask
from l1forge.emulator.events.remote import identity, is_remote, local_file
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import ORBIT, FillingScheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.rates.fired import Fired
from l1forge.emulator.rates.lumis import LumiCounts
from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.sampling import ROWS, Counted, Sample, Sampler
from l1forge.studies.path_inputs import score_stages

if TYPE_CHECKING:
    from l1forge.studies.clusters import Cluster

BLOCKS = 16
"""Blocks of about 65,000 crossings in a piece."""
T = TypeVar("T", Patterns, Fired, LumiCounts)
VERSION = 1
"""Of what is kept on disk: older ones are counted again."""


@dataclass(frozen=True)
class Work:
    """What is counted, as it can be sent to another process: models are read from their files there."""

    menu: CompiledMenu
    graphs: Mapping[str, Path]
    scheme: FillingScheme
    signals: NDArray[np.uint64]
    closed: NDArray[np.uint64] | None
    keeps_fired: bool = False
    """Also tell which crossings fired."""
    lumi_mask: LumiMask | None = None

    def sampler(self) -> Sampler:
        """What evaluates the menu."""
        types = tuple(sorted(self.menu.score_types.items()))
        stages = _stages(self.menu.scores, tuple(sorted(self.graphs.items())), types)
        sampler = Sampler(self.menu, stages, self.scheme, self.signals, self.closed)
        sampler.keeps_fired, sampler.lumi_mask = self.keeps_fired, self.lumi_mask
        return sampler

    def digest(self) -> bytes:
        """Changes if anything does that a count depends on."""
        found = hashlib.sha256(self.menu.to_json().encode())
        for name in sorted({score.partition(".")[0] for score in self.menu.scores}):
            found.update(hashlib.sha256(Path(self.graphs[name]).read_bytes()).digest())
        found.update(self.scheme.colliding.tobytes() + self.signals.tobytes())
        found.update(b"" if self.closed is None else self.closed.tobytes())
        found.update(bytes([self.keeps_fired]))
        found.update(b"" if self.lumi_mask is None else self.lumi_mask.key().encode())
        return found.digest()


@functools.lru_cache(maxsize=8)
def _stages(
    scores: tuple[str, ...], graphs: tuple[tuple[str, Path], ...], types: tuple[tuple[str, str], ...]
) -> tuple[Any, ...]:
    """Models are loaded once, however many menus look at their scores."""
    return tuple(score_stages(scores, dict(graphs), dict(types)))


@dataclass(frozen=True)
class Piece:
    """Crossings ``start`` .. ``stop - 1`` (None: to the end) of the file ``name``."""

    name: str
    start: int
    stop: int | None


@dataclass(frozen=True)
class Part:
    """A piece's result; ``problem``: why it could not be read, None if it was."""

    counted: Counted
    notes: Mapping[str, int]
    problem: str | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that could not be read and was left out with all its crossings."""

    file: str
    reason: str


@dataclass(frozen=True)
class Totals:
    """Samples; by file: what its reader noted, and which crossings fired (if the work asks for it)."""

    samples: tuple[Sample, ...]
    notes: Mapping[str, Mapping[str, int]]
    fired: Mapping[str, Fired]
    lumis: LumiCounts
    masked: int


def open_input(name: str) -> EventSource:
    """The events of a path or an address.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    return open_events(local_file(name), weighted=True)


_SAMPLERS: dict[bytes, Sampler] = {}


def count_piece(
    work: Work, piece: Piece, threads: int = 1, seen: Callable[[int], None] = lambda rows: None
) -> Part:
    """Count one piece, in any process; what cannot be read is told in the result."""
    key = work.digest()
    if key not in _SAMPLERS:
        _SAMPLERS.clear()  # one menu at a time; the next one may be as large
        _SAMPLERS[key] = work.sampler()
    try:
        source = open_input(piece.name)
        counted = _SAMPLERS[key].part(source.part(piece.start, piece.stop), threads, seen)
    except InputError as error:
        nothing = Patterns.merged(())
        return Part(Counted(nothing, nothing), {}, str(error))
    return Part(counted, dict(source.notes))


class Counting:
    """Files of a study, and how they are counted.

    Parameters
    ----------
    names : paths and addresses
    opened : their sources, without the crossings that are left out
    skip_bad : leave out files that cannot be read, instead of InputError
    threads : of each piece; the pieces follow each other
    cluster : counts pieces instead
    kept : folder in which results of pieces stay until all are done; None: nowhere
    seen : is told the rows of every block or piece that was counted
    """

    def __init__(
        self,
        names: Sequence[str],
        opened: Sequence[EventSource],
        *,
        skip_bad: bool = False,
        threads: int = 1,
        cluster: Cluster | None = None,
        kept: Path | None = None,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self.sources = dict(zip(names, opened, strict=True))
        self.skip_bad, self.threads, self.cluster, self.kept, self.seen = (
            skip_bad,
            threads,
            cluster,
            kept,
            seen,
        )
        self.skipped: list[Skipped] = []
        self.resumed = 0
        """Crossings whose counts an earlier attempt had left."""

    def count(self, work: Work) -> Totals:
        """Count all files.

        Raises
        ------
        InputError
            If a file cannot be read and ``skip_bad`` is not set, or there is no crossing.
        """
        sampler = work.sampler()
        recorded = sampler.check(list(self.sources.values()))
        length = ORBIT if recorded else int(work.scheme.colliding.sum())
        pieces = [piece for name in self.sources for piece in self._pieces(name, length)]
        kept = _Kept.of(self.kept, work, pieces) if self.kept is not None and len(pieces) > 1 else None
        found: dict[str, list[Counted]] = {name: [] for name in self.sources}
        notes: dict[str, Counter[str]] = {name: Counter() for name in self.sources}
        bad: dict[str, str] = {}
        with closing(self._parts(work, pieces, kept, bad)) as done:  # an error frees the workers at once
            for piece, part in done:
                if part.problem is not None:
                    self._refuse(piece.name, part.problem)
                    bad.setdefault(piece.name, part.problem)
                    continue
                found[piece.name].append(part.counted)
                notes[piece.name].update(part.notes)
        for name, problem in bad.items():
            self.skipped.append(Skipped(name, problem))
            del self.sources[name], found[name], notes[name]
        parts = [part for of_file in found.values() for part in of_file]
        if not any(part.own.crossings for part in parts):
            first = next(iter(found), next(iter(bad), None))
            remedy = "give a file with events" if work.lumi_mask is None else "no event is in the lumi mask"
            raise InputError("holds no crossing", file=first, remedy=remedy)
        fired = {name: Fired.merged(part.fired for part in of_file) for name, of_file in found.items()}
        lumis = LumiCounts.merged(part.lumis for part in parts)
        masked = sum(part.masked for part in parts)
        return Totals(sampler.samples(parts, recorded), notes, fired, lumis, masked)

    def done(self) -> None:
        """Remove what was kept: the study is complete."""
        if self.kept is not None and self.kept.is_dir():
            for file in self.kept.glob("*.npz"):
                file.unlink(missing_ok=True)
            with suppress(OSError):
                self.kept.rmdir()

    def _refuse(self, name: str, problem: str) -> None:
        if self.skip_bad:
            return
        more = "; --skip-bad leaves such files out" if len(self.sources) > 1 else ""
        raise InputError(f"{problem}{more}", file=None if name in problem else name)

    def _pieces(self, name: str, length: int) -> Iterator[Piece]:
        source = self.sources[name]
        step = BLOCKS * max(1, ROWS // length) * length
        if source.n is None or source.n <= step:
            yield Piece(name, source.first, None if source.n is None else source.first + source.n)
            return
        for start in range(0, source.n, step):
            yield Piece(name, source.first + start, source.first + min(start + step, source.n))

    def _parts(
        self, work: Work, pieces: Sequence[Piece], kept: _Kept | None, bad: Mapping[str, str]
    ) -> Generator[tuple[Piece, Part], None, None]:
        """Every piece with its result, also those of earlier attempts, in any order."""
        left = []
        for place, piece in enumerate(pieces):
            part = kept.load(place) if kept else None
            if part is None:
                left.append((place, piece))
                continue
            self.resumed += part.counted.own.crossings
            self.seen(part.counted.own.crossings)
            yield piece, part
        for place, part in self._work(work, left, bad):
            if kept and part.problem is None:
                kept.save(place, part)
            yield pieces[place], part

    def _work(
        self, work: Work, pieces: Sequence[tuple[int, Piece]], bad: Mapping[str, str]
    ) -> Iterator[tuple[int, Part]]:
        if self.cluster is None:
            for place, piece in pieces:
                if piece.name not in bad:
                    yield place, count_piece(work, piece, self.threads, self.seen)
            return
        for place, part in self.cluster.run(work, pieces):
            self.seen(part.counted.own.crossings)
            yield place, part


class _Kept:
    """Results of pieces in a folder, named by what they depend on."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.folder, self.digest = folder, digest

    @staticmethod
    def of(folder: Path, work: Work, pieces: Sequence[Piece]) -> _Kept:
        names = dict.fromkeys(piece.name for piece in pieces)
        files = [identity(name) if is_remote(name) else _state(Path(name)) for name in names]
        ranges = [(piece.name, piece.start, piece.stop) for piece in pieces]
        text = json.dumps([VERSION, files, ranges]).encode()
        return _Kept(folder, hashlib.sha256(text + work.digest()).hexdigest()[:24])

    def load(self, place: int) -> Part | None:
        """What an earlier attempt found; None if it did not, or the file is damaged."""
        try:
            with self._file(place).open("rb") as file, np.load(file, allow_pickle=False) as stored:
                counted = Counted(
                    _restored(Patterns, stored, "own"),
                    _restored(Patterns, stored, "gaps"),
                    _restored(Fired, stored, "fired"),
                    _restored(LumiCounts, stored, "lumis"),
                    int(stored["masked"]),
                )
                notes = json.loads(str(stored["notes"]))
            return Part(counted, {str(key): int(value) for key, value in notes.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, place: int, part: Part) -> None:
        """Keep a result, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        counted = part.counted
        arrays = _stored("own", counted.own) | _stored("gaps", counted.gaps)
        arrays |= _stored("fired", counted.fired) | _stored("lumis", counted.lumis)
        arrays["masked"] = np.asarray(counted.masked)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, notes=np.array(json.dumps(part.notes)), **arrays)
        with atomic_path(self._file(place)) as path:
            path.write_bytes(buffer.getvalue())

    def _file(self, place: int) -> Path:
        return self.folder / f"{self.digest}-{place}.npz"


def _stored(prefix: str, found: Patterns | Fired | LumiCounts) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{field.name}": np.asarray(getattr(found, field.name)) for field in fields(found)}


def _restored(kind: type[T], stored: Any, prefix: str) -> T:
    values: dict[str, Any] = {field.name: stored[f"{prefix}.{field.name}"] for field in fields(kind)}
    whole: dict[str, Any] = {k: value if value.ndim else int(value) for k, value in values.items()}
    return kind(**whole)


def _state(path: Path) -> str:
    state = path.stat()
    return f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"


def narrowed(work: Work, menu: CompiledMenu, closed: NDArray[np.uint64] | None = None) -> Work:
    """The same work with another menu and mask."""
    return replace(work, menu=menu, closed=closed, keeps_fired=False)
