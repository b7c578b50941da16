"""Trigger rates: intervals, rate against threshold, plots."""
