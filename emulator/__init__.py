"""Bit-accurate emulation of a 40 MHz level-1 trigger path (NumPy + Numba only)."""
