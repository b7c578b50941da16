"""Emulator packages against the trained network, and with --strict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.studies import packages
from l1forge.studies.imports import import_hls
from l1forge.studies.packages import PackageOptions
from l1forge.testbench.stimuli import sample_files

from .packages import Layout, simple_wrapper, wrapper, write_package

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]
NAMESPACE = "hls4ml_net_v1"
SCALES = """namespace hls4ml_net_v1 {
const int ad_shift[9] = {6, 6, 6, 6, 6, 6, 6, 6, 6};
const int ad_offsets[9] = {3, 3, 3, 3, 3, 3, 3, 3, 3};
}
"""
COLUMNS = (
    "etm.et[0]*0.5\n0\netm.phi[0]\njet.et[0]*0.5\njet.eta[0]\njet.phi[0]\nmu.pt[0]*0.5\nmu.eta[0]\nmu.phi[0]"
)


def trained(folder: Path, scaling: bool) -> Path:
    """The float network whose weights the packages of ``Layout(seed=1)`` have."""
    rng = np.random.default_rng(1)
    arrays = [rng.integers(-16, 16, shape) / 8 for shape in ((9, 6), (6,), (6, 4), (4,))]
    layers = [nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 4)]
    if scaling:
        layers = [nn.Linear(9, 9), *layers]
        arrays = [np.eye(9) / 64, np.full(9, -3 / 64), *arrays]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(linear, arrays[::2], arrays[1::2], strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    path = folder / "net.pt"
    torch.save(nn.Sequential(*layers).eval(), path)
    return path


def test_network_of_a_package(tmp_path: Path) -> None:
    layout = Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"), headers=False)
    folder = write_package(tmp_path / "Net_v1", layout)
    np.save(tmp_path / "x.npy", np.random.default_rng(5).uniform(-1, 1, (300, 9)))
    found = import_hls(folder, reference=trained(tmp_path, False), data=tmp_path / "x.npy", verify=50)
    assert found.fidelity is not None
    (output,) = found.fidelity.outputs
    assert output.largest < 0.2
    assert output.agreement is not None
    assert output.agreement > 0.95
    assert found.exact
    record = found.graph.meta["provenance"]
    assert record["reference"]["file"] == "net.pt"
    assert record["fidelity"]["events"] == 300


def test_score_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph takes codes, the trained network GeV; the score is not the network's."""
    layout = Layout(wrapper=wrapper(), scales=SCALES, headers=False)
    folder = write_package(tmp_path / "Net_v1", layout)
    (tmp_path / "columns.txt").write_text(COLUMNS)
    options = PackageOptions(inputs=str(tmp_path / "columns.txt"))
    model = trained(tmp_path, True)
    found = import_hls(folder, package=options, reference=model, data=sample_files()[0])
    assert found.fidelity is not None
    (output,) = found.fidelity.outputs
    assert output.output == "mu"
    assert found.fidelity.notes == ("not compared, since the trained model has no such output: score.sum",)
    assert output.quantiles[0] == (0.5, pytest.approx(0.0, abs=0.5))
    monkeypatch.setattr(packages, "_factors", lambda package: None)
    wrong = import_hls(folder, package=options, reference=model, data=sample_files()[0])
    assert wrong.fidelity is not None
    assert wrong.fidelity.outputs[0].mean > 2 * output.mean


def test_strict(tmp_path: Path) -> None:
    """Squares of results of up to 128 are beyond 16384, and wrap: said, with --strict refused."""
    layout = Layout(wrapper=wrapper(), scales=SCALES, headers=False)
    folder = write_package(tmp_path / "Net_v1", layout)
    with pytest.raises(InputError, match=r"--strict, .*wraps|wraps.*--strict") as refusal:
        import_hls(folder, strict=True)
    assert "package's own" in str(refusal.value)
    warned: list[str] = []
    found = import_hls(folder, on_warning=warned.append)
    assert warned == list(found.warnings)
    assert any("score" in sentence and "wraps" in sentence for sentence in warned)
