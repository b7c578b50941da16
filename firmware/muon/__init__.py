"""Firmware that no graph describes: the golden patterns, and networks folded in time."""
