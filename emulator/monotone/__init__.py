"""Proofs that a fixed-point graph is monotone in some of its inputs, or an example where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.monotone.proof import Counterexample, Proof, prove
    from l1forge.emulator.monotone.question import Question, named_elements

__all__ = ["Counterexample", "Proof", "Question", "named_elements", "prove"]

__getattr__ = lazily(
    __name__,
    {
        "Counterexample": "proof",
        "Proof": "proof",
        "Question": "question",
        "named_elements": "question",
        "prove": "proof",
    },
)
