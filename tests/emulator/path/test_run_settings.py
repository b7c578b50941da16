"""Prescale files of the experiment: what is read, written back, and refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.path.experiment_columns import write_experiment_csv
from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.path.run_settings import load_run_settings, write_tables

MENU = {"L1_A": 0, "L1_B": 2, "L1_C": 511}
CSV = "Index,Name,Emergency,2p0E34+ZeroBias\r\n0,L1_A,0,1\r\n1,,0,0\r\n2, L1_B ,10,1.5\r\n511,L1_C,1,0\r\n"


def xml(kind: str, columns: str, *rows: str) -> str:
    body = "".join(f"<row> {row} </row>\n" for row in rows)
    return (
        f'<!-- comment --><run-settings id="uGT"><context id="uGtProcessor">'
        f'<param id="index" type="uint">2</param><param id="{kind}" type="table"><columns>{columns}</columns>'
        f"<types>uint, uint</types><rows><!-- c -->{body}</rows></param></context></run-settings>"
    )


PRESCALES = xml("prescales", "algo/prescale-index, 0, 1", "0, 0, 1", "2,10, 1.5", "511,1,0")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_of_the_experiment(tmp_path: Path, start: str) -> None:
    path = write(tmp_path, "columns.csv", start + CSV)
    first = load_run_settings([path], MENU)
    assert first.factors[[0, 2, 511]].tolist() == [0, 1000, 100]
    other = load_run_settings([path], MENU, "2p0E34+ZeroBias")
    assert other.factors[[0, 2, 511]].tolist() == [100, 150, 0]
    assert np.flatnonzero(other.finor).tolist() == [0, 2, 511]
    assert not other.veto.any()
    assert not other.closed.any()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2, L1_B ,10", "3, L1_B ,10", "is algorithm 2 of the menu, not 3"),
        ("L1_B", "L1_X", "line 4, Name: 'L1_X'"),
        (",10,", ",0.5,", "line 4, Emergency: '0.5'"),
        ("511,L1_C,1,0\r\n", "", "has no row for 1 algorithms of the menu"),
        ("511,L1_C,1,0", "512,L1_C,1,0", "is no algorithm index"),
        ("511,L1_C,1,0", "511,L1_C,1", "line 5: 3"),
        ("1,,0,0", "0,L1_A,0,0", "listed twice"),
    ],
)
def test_refused_csv(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CSV
    path = write(tmp_path, "columns.csv", CSV.replace(old, new))
    with pytest.raises(InputError, match=re.escape(said.partition(":")[0])):
        load_run_settings([path], MENU)


def test_four_tables(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "p.xml", PRESCALES),
        write(tmp_path, "f.xml", xml("finorMask", "algo,mask", "ALL, 1", "2,0")),
        write(tmp_path, "v.xml", xml("vetoMask", "algo, mask", "0,0", "2, 1")),
        write(
            tmp_path,
            "b.xml",
            xml("algorithmBxMask", "algo,range,mask", "all,0-3563,1", "0,0-68,0", "0, 5, 1"),
        ),
    ]
    settings = load_run_settings(paths[::-1], MENU, "1")
    assert settings.factors[[0, 2, 511]].tolist() == [100, 150, 0]
    assert np.flatnonzero(settings.finor).tolist() == [0, 511]
    assert np.flatnonzero(settings.veto).tolist() == [2]
    assert np.flatnonzero(settings.closed[0]).tolist() == [*range(5), *range(6, 69)]
    assert not settings.closed[1:].any()


def test_masks_alone_leave_prescales_at_one(tmp_path: Path) -> None:
    path = write(tmp_path, "f.xml", xml("finorMask", "algo,mask", "0,1"))
    settings = load_run_settings([path], MENU)
    assert settings.factors[[0, 2, 511]].tolist() == [100, 100, 100]
    assert np.flatnonzero(settings.finor).tolist() == [0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PRESCALES.replace("511,1,0", "3,1,0"), "the menu has no such algorithm"),
        (PRESCALES.replace("<row> 511,1,0 </row>", ""), "has no row for 1"),
        (PRESCALES.replace("2,10, 1.5", "2,10"), "3 entries expected"),
        (PRESCALES.replace("run-settings", "settings"), "<run-settings> expected"),
        (PRESCALES.replace('"prescales"', '"other"'), "holds none of the tables"),
        (PRESCALES.replace("</rows>", ""), "b.xml"),
        (xml("finorMask", "algo,mask", "0,2"), "0 or 1 expected"),
        (xml("vetoMask", "algo,mask", "0,1", "0,1"), "listed twice"),
        (xml("algorithmBxMask", "algo,range,mask", "0,0-3564,0"), "crossings below 3564"),
    ],
)
def test_refused_tables(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        load_run_settings([write(tmp_path, "b.xml", text)], MENU)


def test_what_does_not_go_together(tmp_path: Path) -> None:
    csv, table = write(tmp_path, "c.csv", CSV), write(tmp_path, "p.xml", PRESCALES)
    other = write(tmp_path, "q.xml", PRESCALES)
    mask = write(tmp_path, "f.xml", xml("finorMask", "algo,mask", "0,1"))
    for paths, said in (
        ([csv, table], "given twice"),
        ([table, other], "second table"),
        ([csv, csv], "second CSV"),
    ):
        with pytest.raises(InputError, match=said):
            load_run_settings(paths, MENU)
    with pytest.raises(InputError, match="no file has prescale columns"):
        load_run_settings([mask], MENU, "0")
    with pytest.raises(InputError, match="no such prescale column"):
        load_run_settings([table], MENU, "7")
    assert load_run_settings([csv, mask], MENU).finor.sum() == 1


def columns() -> dict[str, PrescaleSettings]:
    settings = {}
    for name, factors in {"low": (100, 0, 12345), "high": (250, 100, 2**32 - 1)}.items():
        settings[name] = PrescaleSettings.default([0, 2])
        settings[name].factors[list(MENU.values())] = factors
        settings[name].veto[511] = True
        settings[name].closed[2, [0, 7, 8, 3563]] = True
    return settings


def test_written_files_read_back(tmp_path: Path) -> None:
    given = columns()
    names = write_tables(tmp_path, "L1Menu_x", MENU, given)
    assert names[0] == "UGT_BASE_RS_PRESCALES_L1Menu_x.xml"
    write_experiment_csv(tmp_path / "c.csv", MENU, given)
    assert (tmp_path / "c.csv").read_text().splitlines()[:2] == ["Index,Name,low,high", "0,L1_A,1,2.5"]
    for name, settings in given.items():
        read = load_run_settings([tmp_path / file for file in names], MENU, name)
        for what in ("factors", "finor", "veto", "closed"):
            np.testing.assert_array_equal(getattr(read, what), getattr(settings, what), err_msg=what)
        from_csv = load_run_settings([tmp_path / "c.csv"], MENU, name)
        np.testing.assert_array_equal(from_csv.factors, settings.factors)


def test_columns_with_other_masks_are_not_written(tmp_path: Path) -> None:
    given = columns()
    given["high"].veto[0] = True
    with pytest.raises(InputError, match="other masks"):
        write_tables(tmp_path, "m", MENU, given)
    assert not list(tmp_path.iterdir())
