"""Directed stimuli: rows that reach what lies behind the inputs, and the count of what was reached."""

from l1forge.testbench.directed.coverage import Coverage
from l1forge.testbench.directed.goals import CUTS, ENDS, ENTRIES, LEAVES
from l1forge.testbench.directed.plan import Directed, directed

__all__ = ["CUTS", "ENDS", "ENTRIES", "LEAVES", "Coverage", "Directed", "directed"]
