"""Lets the tests of this folder import ``ensembles``, their source of random ensembles."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
