"""The anomaly trigger on calorimeter images: an autoencoder teaches a small quantised student."""
