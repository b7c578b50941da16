"""Jet taggers on constituents: deep sets of the leading 8, 16 or 32, and a graph network on the leading 8.

The four networks share definition, training and evaluation; folders such as `models/jet_sets_8` hold what was
trained.
"""
