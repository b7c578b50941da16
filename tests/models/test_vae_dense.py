"""The dense VAE's inputs, its quantised layers and the reproducibility of its training."""

import json
import subprocess
import sys

import numpy as np
import pytest

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.models.vae_dense import features


def test_inputs_are_met_4_eg_4_mu_10_jets_times_pt_eta_phi():
    assert len(features.SOURCES) == 57
    assert features.SOURCES[:6] == ["etm.et[0]", "0", "etm.phi[0]", "eg.et[0]", "eg.eta[0]", "eg.phi[0]"]
    assert features.SOURCES[15] == "mu.pt[0]"
    assert features.SOURCES[56] == "jet.phi[9]"


def test_input_type_holds_every_field():
    type_ = FixedType.parse(features.INPUT_TYPE)
    for source in features.SOURCES:
        if source != "0":
            field = COLUMNS[source.partition("[")[0]][1]
            assert type_.minimum <= field.minimum
            assert field.maximum <= type_.maximum


def test_features_take_the_right_slot():
    events = Events({"jet.et": np.arange(24, dtype=np.int16).reshape(12, 2)}, 2)
    got = features.hardware_features(events)
    assert got[:, features.SOURCES.index("jet.et[9]")].tolist() == [18, 19]
    assert got[:, 0].tolist() == [0, 0]


def test_mask_marks_objects_with_momentum():
    x = np.zeros((1, 57), np.int16)
    x[0, 3] = 5
    assert features.object_mask(x)[0, :9].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]


def _toy_sample(folder):
    from l1forge.models.vae_dense.train import SIGNALS

    rng = np.random.default_rng(3)
    for name, n in {"zerobias": 4096, **dict.fromkeys(SIGNALS, 256)}.items():
        columns = {}
        for column in features.COLUMNS:
            slots, field = COLUMNS[column]
            columns[column] = rng.integers(
                max(field.minimum, -100), min(field.maximum, 200), (slots, n)
            ).astype(np.int16)
        write_events(folder / f"{name}.parquet", [Events(columns, n)], {"process": name})


TRAIN = """
import sys
from pathlib import Path
from l1forge.models.vae_dense import train
folder = Path(sys.argv[1])
train.main(5, folder / sys.argv[2], folder, train.Options().shortened())
"""


@pytest.mark.xdist_group("tensorflow")
def test_training_is_reproducible_and_prunes_half(tmp_path):
    _toy_sample(tmp_path)
    for run in ("a", "b"):
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, str(tmp_path), run], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "seed 5" in done.stdout
    with np.load(tmp_path / "a/weights.npz") as a, np.load(tmp_path / "b/weights.npz") as b:
        assert sorted(a.files) == sorted(b.files)
        for name in a.files:
            assert np.array_equal(a[name], b[name]), name
    report = json.loads((tmp_path / "a/training.json").read_text())
    assert report["seed"] == 5
    assert set(report["versions"]) == {"float", "quantised", "pruned"}
    assert min(report["sparsity"].values()) >= 0.5
    assert (tmp_path / "a/curves.png").stat().st_size > 1000


def test_missing_sample_is_named(tmp_path):
    from l1forge.emulator.errors import InputError
    from l1forge.models.vae_dense.train import load

    with pytest.raises(InputError, match="sample is missing"):
        load(tmp_path / "zerobias.parquet")
