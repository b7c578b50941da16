"""Directed stimuli: rows that reach what lies behind the inputs, and the count of what was reached."""

from testbench.directed.coverage import Coverage
from testbench.directed.goals import CUTS, ENDS, ENTRIES, LEAVES
from testbench.directed.plan import Directed, directed

__all__ = ["CUTS", "ENDS", "ENTRIES", "LEAVES", "Coverage", "Directed", "directed"]
