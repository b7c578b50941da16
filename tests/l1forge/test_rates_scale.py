"""Rates of many files: lists, addresses, corrupt ones, killed attempts, Dask: always the same JSON."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, QuantityCut, Requirement
from l1forge.emulator.rates import sampling
from l1forge.studies import rates_counting
from l1forge.studies.clusters import cluster
from l1forge.studies.rates_inputs import input_files
from l1forge.studies.rates_menu import menu_rates
from l1forge.studies.rates_results import MenuRates

SIZE = 2748


def small_menu() -> CompiledMenu:
    conditions = {
        "j": Combination(legs=(Requirement(type="jet", threshold=200),)),
        "h": QuantityCut(quantity="htt", threshold=400),
    }
    algorithms = (
        Algorithm(index=5, name="L1_Jet100", expression="j"),
        Algorithm(index=70, name="L1_HTT200", expression="h"),
    )
    return CompiledMenu(name="m", conditions=conditions, algorithms=algorithms)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four files, of 10 orbits in all and some crossings more."""
    rng = np.random.default_rng(1)
    n = 10 * SIZE + 77
    jets = np.zeros((12, n), np.int16)
    jets[0] = rng.integers(0, 300, n)
    whole = Events({"jet.et": jets, "htt.et": rng.integers(0, 500, (1, n)).astype(np.int16)}, n)
    paths = []
    for i, (start, stop) in enumerate(pairwise((0, SIZE, 5 * SIZE, 9 * SIZE, n))):
        paths.append(tmp_path / f"run{i}.parquet")
        write_events(paths[-1], [whole.select(slice(start, stop))])
    return paths


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "ROWS", SIZE)
    monkeypatch.setattr(rates_counting, "ROWS", SIZE)
    monkeypatch.setattr(rates_counting, "BLOCKS", 1)


def text_of(study: MenuRates) -> str:
    return json.dumps(replace(study, inputs=()).to_dict())


def test_lists_patterns_and_names(files: list[Path], tmp_path: Path) -> None:
    names = [str(file) for file in files]
    (tmp_path / "list.txt").write_text(f"# runs\n\n{names[2]}\n  {tmp_path}/run[01].parquet\n")
    assert input_files([f"@{tmp_path}/list.txt", names[3]]) == (names[2], names[0], names[1], names[3])
    with pytest.raises(InputError, match="is given twice"):
        input_files([f"@{tmp_path}/list.txt", names[0]])
    with pytest.raises(InputError, match="list cannot be read"):
        input_files([f"@{tmp_path}/none.txt"])
    with pytest.raises(InputError, match="protocol is not known"):
        input_files(["nothing://a/b*.parquet"])
    with pytest.raises(InputError, match="matches no file"):
        input_files(["memory://nowhere/*.parquet"])


def test_files_in_memory_and_of_a_server(files: list[Path], tmp_path: Path) -> None:
    import fsspec

    expected = text_of(menu_rates(small_menu(), files))
    memory = fsspec.filesystem("memory")
    for file in files:
        memory.pipe(f"/zb/{file.name}", file.read_bytes())
    study = menu_rates(small_menu(), ["memory://zb/run*.parquet"], details=True)
    assert study.inputs == tuple(f"memory:///zb/{file.name}" for file in files)
    assert study.details[0].examples[0].file == study.inputs[0]
    assert text_of(study) == expected
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        one = menu_rates(small_menu(), [f"{address}/{file.name}" for file in files])
        assert text_of(one) == expected
        assert text_of(menu_rates(small_menu(), [f"{address}/run*.parquet"])) == expected
        with pytest.raises(InputError, match=rf"{address}/none.parquet: cannot be read"):
            menu_rates(small_menu(), [f"{address}/none.parquet"])
        server.shutdown()


@pytest.mark.usefixtures("small_pieces")
def test_pieces_change_nothing(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    small = text_of(menu_rates(small_menu(), files, targets={"L1_HTT200": 900.0}))
    monkeypatch.setattr(rates_counting, "BLOCKS", 3)
    assert text_of(menu_rates(small_menu(), files[::-1], targets={"L1_HTT200": 900.0}, threads=2)) == small


def damaged(file: Path) -> Path:
    """The data in the middle overwritten; the header is whole."""
    content = bytearray(file.read_bytes())
    content[200 : len(content) // 2] = bytes(len(content) // 2 - 200)
    file.write_bytes(content)
    return file


@pytest.mark.usefixtures("small_pieces")
def test_a_corrupt_file_is_left_out_only_if_asked(files: list[Path]) -> None:
    expected = menu_rates(small_menu(), [files[0], files[3]])
    damaged(files[1])
    files[2].write_bytes(files[2].read_bytes()[:500])
    with pytest.raises(InputError, match=r"run2.parquet.*--skip-bad leaves such files out"):
        menu_rates(small_menu(), files)
    with pytest.raises(InputError, match=r"run1.parquet.*--skip-bad leaves such files out"):
        menu_rates(small_menu(), files[:2])
    study = menu_rates(small_menu(), files, skip_bad=True, targets={"L1_HTT200": 900.0}, details=True)
    assert [Path(skipped.file).name for skipped in study.skipped] == ["run2.parquet", "run1.parquet"]
    assert study.samples == expected.samples
    assert study.seeds == expected.seeds
    assert study.inputs == (str(files[0]), str(files[3]))
    assert "Left out with all its crossings" in study.html()
    assert len(study.to_dict()["skipped"]) == 2
    with pytest.raises(InputError, match="no file can be read"):
        menu_rates(small_menu(), [files[2]], skip_bad=True)
    with pytest.raises(InputError, match="holds no crossing"):
        menu_rates(small_menu(), [files[1]], skip_bad=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from l1forge.emulator.rates import sampling
from l1forge.studies import rates_counting
from l1forge.studies.rates_menu import menu_rates
from l1forge.emulator.menu.language.load import load_menu
sampling.ROWS = rates_counting.ROWS = 2748
rates_counting.BLOCKS = 1
count = 0
def seen(rows):
    global count
    count += rows
    if count > 6 * 2748:
        os.kill(os.getpid(), signal.SIGKILL)
menu_rates(load_menu(sys.argv[1]), sys.argv[3:], kept=Path(sys.argv[2]), seen=seen)
"""


@pytest.mark.usefixtures("small_pieces")
def test_a_killed_study_goes_on_and_gives_the_same(files: list[Path], tmp_path: Path) -> None:
    expected = text_of(menu_rates(small_menu(), files))
    small_menu().save(tmp_path / "menu.json")
    kept = tmp_path / ".unfinished"
    arguments = [sys.executable, "-c", KILLED, tmp_path / "menu.json", kept, *files]
    child = subprocess.run(arguments, check=False, env=os.environ | {"PYTHONWARNINGS": "default"})
    assert child.returncode == -signal.SIGKILL
    left = sorted(kept.glob("*.npz"))
    assert len(left) >= 5
    left[0].write_bytes(left[0].read_bytes()[:100])  # the disk was full
    study = menu_rates(small_menu(), files, kept=kept)
    assert study.resumed_crossings == (len(left) - 1) * SIZE
    assert text_of(study) == expected
    assert not kept.exists()


@pytest.mark.usefixtures("small_pieces")
def test_what_was_kept_is_not_used_for_anything_else(files: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / ".unfinished"

    def interrupted(rows: int) -> None:
        if len(list(kept.glob("*.npz"))) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        menu_rates(small_menu(), files, kept=kept, seen=interrupted)
    other = small_menu()
    higher = other.conditions | {"h": QuantityCut(quantity="htt", threshold=401)}
    changed = other.model_copy(update={"conditions": higher})
    assert menu_rates(changed, files, kept=kept).resumed_crossings == 0
    with pytest.raises(KeyboardInterrupt):
        menu_rates(small_menu(), files, kept=kept, seen=interrupted)
    os.utime(files[0], (1, 1))  # written again
    assert menu_rates(small_menu(), files, kept=kept).resumed_crossings == 0


@pytest.fixture
def quiet_dask() -> Iterator[None]:
    import dask

    with dask.config.set({"distributed.admin.log-length": 0}):
        yield


@pytest.mark.usefixtures("small_pieces", "quiet_dask")
@pytest.mark.filterwarnings("default")
def test_dask_gives_the_same(files: list[Path]) -> None:
    options = {"targets": {"L1_HTT200": 900.0}}
    expected = text_of(menu_rates(small_menu(), files, **options))
    with cluster("local:2") as workers:
        assert text_of(menu_rates(small_menu(), files, cluster=workers, **options)) == expected
        address = workers._client.scheduler.address
        assert address.startswith("tcp://")
        with cluster(address) as same:
            assert text_of(menu_rates(small_menu(), files[::-1], cluster=same, **options)) == expected
        damaged(files[1])
        with pytest.raises(InputError, match=r"run1.parquet.*--skip-bad"):
            menu_rates(small_menu(), files, cluster=workers)
        skipped = menu_rates(small_menu(), files, cluster=workers, skip_bad=True).skipped
        assert [Path(file.file).name for file in skipped] == ["run1.parquet"]


@pytest.mark.parametrize("address", ["", "local:0", "local:x", "host:8786", "tcp://host", "local:99999"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InputError, match="is not a Dask cluster"), cluster(address):
        pass
