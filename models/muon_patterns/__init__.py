"""Golden patterns: the naive-Bayes muon pT algorithm of today's overlap track finder."""

from l1forge.models.muon_patterns.emulate import PatternResult, find_patterns
from l1forge.models.muon_patterns.patterns import TRAINED, Patterns, load_patterns

__all__ = ["TRAINED", "PatternResult", "Patterns", "find_patterns", "load_patterns"]
