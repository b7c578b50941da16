"""The muon pT network that fits a trigger latency; definition and training are those of `models.muon_pt`."""
