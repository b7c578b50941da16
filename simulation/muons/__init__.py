"""Muons of the barrel-endcap overlap region, from the vertex to integer stubs in 18 logic layers."""

from simulation.muons.generate import MuonSettings, generate
from simulation.muons.layers import LAYERS, NO_STUB, REFERENCE_LAYERS, SLOTS
from simulation.muons.sample import MuonSample

__all__ = ["LAYERS", "NO_STUB", "REFERENCE_LAYERS", "SLOTS", "MuonSample", "MuonSettings", "generate"]
