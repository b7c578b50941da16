"""Anomaly trigger: a variational autoencoder on pair tables of zero bias that the cut menu rejects."""
