"""The events a level-1 trigger sees: Pythia 8, pile-up, detector, trigger objects."""

from pathlib import Path

SAMPLE = Path(__file__).parent / "sample"
"""The committed events, one parquet file per process."""
