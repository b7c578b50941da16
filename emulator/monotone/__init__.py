"""Proofs that a fixed-point graph is monotone in some of its inputs, or an example where it is not."""

from l1forge.emulator.monotone.prove import Counterexample, Proof, prove
from l1forge.emulator.monotone.question import Question, named_elements

__all__ = ["Counterexample", "Proof", "Question", "named_elements", "prove"]
