"""Networks on sets, folded in time: a part of the set each clock, through the same logic."""
