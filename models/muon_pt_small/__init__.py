"""The muon pT network that fits a trigger latency; definition and training are those of `l1forge.models.muon_pt`."""
