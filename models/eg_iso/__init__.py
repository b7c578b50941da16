"""Electron/photon isolation: boosted trees (scikit-learn) on calorimeter sums and towers."""
