"""Pools of bright soft collisions on a machine with many cores: `python -m l1forge.simulation.bright_pools`.

A part of 150 bright collisions takes about 25 s of a core, so that pools worth having take hours. Parts are
those of any pool, each from its own seed; this command makes as many as the time allows and packs them into
few files. ``--unpack`` puts them where simulations look for pools.
"""

from __future__ import annotations

import argparse
import io
import lzma
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from l1forge.simulation.pool import PoolPart, parts
from l1forge.simulation.workers import parallel

SHARE = ("bright8to15", "bright8to15", "bright0to8")
"""Strata in the order in which their parts are made."""
MOST = 400
"""Parts of each entry of SHARE that could be made."""
PACKING_S = 20.0
PART_S = 30.0
"""Time kept for parts that are in work when no new ones are begun."""
FILE_BYTES = 13 * 2**20
FILES = 6


def tasks(seed: int, folder: Path) -> list[PoolPart]:
    """Parts in the order in which they are made."""
    waiting = {
        name: parts(name, SHARE.count(name) * MOST * _size(name), seed, folder)
        for name in dict.fromkeys(SHARE)
    }
    return [next(waiting[name]) for _ in range(MOST) for name in SHARE]


def _size(name: str) -> int:
    from l1forge.simulation.processes import process

    return process(name).part


def make(part: PoolPart, stop: float) -> float:
    """Make a part unless it is later than ``stop``; returns the seconds that it took, 0 for none."""
    start = time.time()
    if start > stop:
        return 0.0
    part.make()
    return time.time() - start


def pack(finished: Sequence[Path], folder: Path, output: Path, jobs: int) -> list[Path]:
    """Pack files of ``folder`` into at most FILES archives of FILE_BYTES; says what finds no room."""
    share = -(-len(finished) // FILES)
    groups = [finished[k : k + share] for k in range(0, len(finished), share)]
    work = [(group, folder, output / f"bright-{k}.tar.xz") for k, group in enumerate(groups)]
    return [target for _, target in sorted(parallel(_pack, work, min(jobs, len(work) or 1)))]


def _pack(group: Sequence[Path], folder: Path, target: Path) -> Path:
    for n in range(len(group), 0, -1):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path in group[:n]:
                archive.add(path, str(path.relative_to(folder)))
        packed = lzma.compress(buffer.getvalue(), preset=4)
        if len(packed) <= FILE_BYTES:
            break
        print(f"{target.name}: {group[n - 1].name} left out, the file would be too large", flush=True)
    target.write_bytes(packed)
    return target


def unpack(archives: Sequence[Path], pools: Path) -> int:
    """Put packed parts into the folder of pools; returns their number."""
    count = 0
    for path in archives:
        with tarfile.open(path, "r:xz") as archive:
            archive.extractall(pools, filter="data")
            count += len(archive.getnames())
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, or unpack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=16, help="seed of the pools")
    parser.add_argument("--minutes", type=float, default=5.0, help="all, with packing")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bright"))
    parser.add_argument("--unpack", type=Path, nargs="+", help="archives to put into the folder --output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.unpack:
        print(f"{unpack(options.unpack, options.output)} parts in {options.output}")
        return
    end = time.time() + 60 * options.minutes - PACKING_S
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        todo = tasks(options.seed, folder)
        # parts in work when the time is up are waited for: how long one takes must not say whether it counts
        stop = end - PART_S
        start, done, busy = time.time(), 0, 0.0
        for number, seconds in parallel(make, [(part, stop) for part in todo], options.workers):
            if seconds:
                done, busy = done + 1, busy + seconds
                part = todo[number]
                print(f"{time.time() - start:.1f} s: {part.name} {part.index} in {seconds:.1f} s", flush=True)
            if time.time() > end:
                print("parts in work are dropped", flush=True)
                break
        # the longest run of parts from the first one: no part is chosen by how long it took
        finished = []
        for name in dict.fromkeys(SHARE):
            for part in (p for p in todo if p.name == name):
                if not part.path.exists():
                    break
                finished.append(part.path)
        # both strata in every archive: a lost one costs a part of both
        finished.sort(key=lambda path: (path.stem, path.parent.name))
        files = pack(finished, folder, options.output, options.workers)
        collisions = sum(_size(path.parent.name) for path in finished)
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 2**20:.1f} MiB" for path in files)
        print(f"{len(finished)} of {done} parts, {busy / max(done, 1):.1f} s each: {collisions} collisions")
        print(f"{sizes}; {time.time() - start:.0f} s in all")


if __name__ == "__main__":
    main()
