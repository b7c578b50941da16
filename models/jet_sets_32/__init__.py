"""A deep set on the leading 32 constituents of a jet; `l1forge.models.jet_sets` defines and trains it."""
