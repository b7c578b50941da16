"""Proofs by SAT: generated Verilog against descriptions that were written by another route."""

from l1forge.testbench.formal.sat import Proof

__all__ = ["Proof"]
