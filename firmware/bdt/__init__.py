"""Boosted decision trees: from the training libraries to the fixed-point graph, conifer and RTL."""
