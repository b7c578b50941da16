"""A deep set on the leading 16 constituents of a jet; `l1forge.models.jet_sets` defines and trains it."""
