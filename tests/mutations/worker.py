"""Damages one kind of file many times and runs its command; the parent process judges how this one ends.

``python tests/mutations/worker.py KIND SEED FIRST COUNT`` in an empty folder prints, for each variation, its
number when it begins and ``ok`` or what was wrong. SIGALRM ends the process where a variation hangs.
"""

from __future__ import annotations

import contextlib
import io
import resource
import signal
import sys
import traceback
import types
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
if __name__ == "__main__":
    sys.path[0] = str(HERE.parents[2])
    sys.modules["tests"] = own = types.ModuleType("tests")  # a package of site-packages has this name, too
    own.__path__ = [str(HERE.parents[1])]

LONGEST_S = 10
MOST_BYTES = 1 << 30


def variation(kind: str, seed: int, number: int) -> tuple[bytes, str]:
    """The damaged file and how it was damaged."""
    from tests.mutations.subjects import SUBJECTS

    subject = SUBJECTS[kind]
    rng = np.random.default_rng([seed, number])
    mutator = subject.mutators[int(rng.integers(len(subject.mutators)))]
    return mutator(Path("valid").read_bytes(), rng), mutator.__name__


def run(command: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of the command line in this process; -1: a traceback."""
    from l1forge.cli import main
    from l1forge.models import project

    project._read.cache_clear()  # one process reads many l1forge.toml here
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            main(command)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            code = -1
            traceback.print_exc()
    return code, out.getvalue(), error.getvalue()


def complaint(code: int, error: str, outputs: list[Path], peak: int) -> str:
    """What is wrong with how a command ended, or nothing."""
    if "Traceback" in error or code == -1:
        return error[-900:]
    if peak > MOST_BYTES or "memory" in error:
        return f"{peak >> 20} MB taken: {error}"
    if code == 0:
        return "" if outputs else "exit 0, but nothing written"
    if code != 2:
        return f"exit {code}: {error}"
    if not error.startswith("error: ") or error.count("\n") != 1:
        return f"not one line: {error}"
    if len(error) > 1000:
        return f"a line of {len(error)} characters: {error[:400]}"
    return f"left behind: {outputs}" if outputs else ""


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(kind: str, seed: int, first: int, count: int) -> None:
    """Run the variations ``first .. first + count - 1``."""
    from l1forge.emulator.events.formats.parquet import write_events
    from tests.l1forge.broken import random_events
    from tests.mutations.subjects import SUBJECTS

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module="uproot|awkward")
    subject = SUBJECTS[kind]
    subject.write(Path(subject.name))
    Path(subject.name).rename("valid")
    write_events("good.parquet", [random_events(40)])
    command = subject.command.format(subject.name).split()
    Path(subject.name).write_bytes(Path("valid").read_bytes())
    if code_and_text := run(command):  # warms up, and shows that the command likes the whole file
        assert code_and_text[0] == 0, code_and_text
    kept = set(Path().iterdir())
    written = [Path(name) for name in command if name.startswith("out.")]
    before = peak_bytes()
    tally: Counter[str] = Counter()
    for number in range(first, first + count):
        for path in set(Path().iterdir()) - kept | set(written):
            path.unlink(missing_ok=True)
        data, how = variation(kind, seed, number)
        Path(subject.name).write_bytes(data)
        print(f"{number} {how}", flush=True)
        signal.alarm(LONGEST_S)
        code, _, error = run(command)
        signal.alarm(0)
        outputs = [path for path in Path().iterdir() if path not in kept or path in written]
        if code == 0 and not written:
            outputs.append(Path())  # a command that only prints
        wrong = complaint(code, error, outputs, peak_bytes() - before)
        tally["right answer" if code == 0 else "refused"] += 1
        print(f"WRONG {number} {wrong!r}" if wrong else "ok", flush=True)
        before = max(before, peak_bytes() - MOST_BYTES // 4)
    print(f"done {dict(tally)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
