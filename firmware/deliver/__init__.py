"""A design as a folder to take away: sources, constraints, scripts, testbench with vectors, README."""

from l1forge.firmware.deliver.folder import Vectors, deliver

__all__ = ["Vectors", "deliver"]
