"""The muon pT network that fits a trigger latency; `l1forge.models.muon_pt` defines and trains it."""
