"""The jet tagger with weights and activations of -1, +1; `l1forge.models.jet_tagger` defines it."""
