"""Muons of the barrel-endcap overlap region, from the vertex to integer stubs in 18 logic layers."""

from l1forge.simulation.muons.generate import MuonSettings, generate
from l1forge.simulation.muons.layers import LAYERS, NO_STUB, REFERENCE_LAYERS, SLOTS
from l1forge.simulation.muons.sample import MuonSample

__all__ = ["LAYERS", "NO_STUB", "REFERENCE_LAYERS", "SLOTS", "MuonSample", "MuonSettings", "generate"]
