"""Synthesis: resources and timing of a generated design, by Yosys or by the vendor's tool."""

from l1forge.firmware.synth.result import Synthesis

__all__ = ["Synthesis"]
