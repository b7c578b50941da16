"""The front door: help, lazy imports, exit codes."""

import importlib.metadata
import json
import subprocess
import sys

import numpy as np
import pytest

from l1forge.cli import GROUPS, SUBCOMMANDS, main

HEAVY = ("tensorflow", "torch", "hls4ml", "conifer", "pythia8mc", "numba", "uproot", "alkaid", "cocotb")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "l1forge", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_subcommand():
    result = run("--help")
    assert result.returncode == 0
    for name in SUBCOMMANDS:
        assert name in result.stdout


def test_help_shows_commands_in_groups_of_what_people_want_to_do():
    text = run("--help").stdout
    places = [text.index(f"─ {panel} ─") for panel in GROUPS]
    assert places == sorted(places)
    for start, end, group in zip(places, [*places[1:], len(text)], GROUPS.values(), strict=True):
        assert all(f"│ {name} " in text[start:end] for name in group)
    assert len(SUBCOMMANDS) == sum(map(len, GROUPS.values()))


def test_version_is_that_of_the_package():
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"l1forge {importlib.metadata.version('l1forge')}\n")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from l1forge.cli import main\n"
        "try: main(['--help'])\n"
        f"finally: print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "HEAVY []" in result.stdout


@pytest.mark.parametrize("name", list(SUBCOMMANDS))
def test_every_subcommand_has_help_with_an_example(name):
    result = run(name, "--help")
    assert result.returncode == 0, result.stderr
    assert f"l1forge {name}" in " ".join(result.stdout.split())  # the line of usage says l1forge.cli


def test_bad_input_is_one_line_and_exit_code_2():
    result = run("emulate", "no_such_model", "nothing.parquet")
    assert result.returncode == 2
    assert result.stderr.startswith("error: MODEL: is neither a model nor a graph file (got 'no_such_model')")
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_rates_of_a_model_on_arrays(tmp_path):
    features = np.random.default_rng(1).integers(0, 400, (500, 25))
    np.save(tmp_path / "background.npy", features[:300])
    np.save(tmp_path / "taus.npy", features[300:])
    files = ["--zero-bias", str(tmp_path / "background.npy"), "--signal", str(tmp_path / "taus.npy")]
    result = run("rates", "tau_id", *files, "-o", str(tmp_path))
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "rates.json").read_text())
    assert report["zero_bias_crossings"] == 300
    assert set(report["targets"][0]["efficiency"]) == {"taus"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("frobnicate", "No such command 'frobnicate'; see l1forge --help"),
        ("emulat vae", "No such command 'emulat', did you mean 'emulate'?; see l1forge --help"),
        ("--frobnicate", "No such option: --frobnicate; see l1forge --help"),
        ("emulate", "Missing argument 'model'; see l1forge emulate --help"),
        ("emulate vae a b", "Got unexpected extra argument(s) (b); see l1forge emulate --help"),
        ("emulate vae a --xyzzy", "No such option: --xyzzy; see l1forge emulate --help"),
        ("path --seed", "Option '--seed' requires an argument; see l1forge path --help"),
        ("path --seed many", "unable to parse string as an integer; see l1forge path --help"),
        ("path --seed -1", "Input should be greater than or equal to 0; see l1forge path --help"),
        (
            "emulate vae a --non-finite x",
            "'x' is not one of 'error', 'zero', 'saturate'; see l1forge",
        ),
        ("train tau_id --frobnicate", "No such option: --frobnicate; see l1forge train tau_id --help"),
        ("menu frobnicate", "No such command 'frobnicate'; see l1forge menu --help"),
    ],
)
def test_wrong_usage_is_one_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    out, error = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize("arguments", ["", "menu", "train"])
def test_a_group_alone_prints_its_help(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    out, error = capsys.readouterr()
    assert (end.value.code, error) == (2, "")
    assert f"Usage: l1forge {arguments}" in out


def test_a_campaign_that_compares_nothing_fails(monkeypatch, tmp_path, capsys):
    from l1forge.firmware.hls.fuzz import campaign

    monkeypatch.setattr(campaign, "campaign", lambda *arguments, **options: campaign.Summary())
    with pytest.raises(SystemExit) as end:
        main(["fuzz", "-n", "1", "-o", str(tmp_path)])
    assert end.value.code == 1
    assert "no network was compared" in capsys.readouterr().out
