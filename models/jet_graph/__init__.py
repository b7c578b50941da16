"""A graph network on the leading 8 constituents of a jet; `l1forge.models.jet_sets` defines and trains it."""
