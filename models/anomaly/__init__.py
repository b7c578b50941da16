"""What the anomaly triggers share: quantities, tail and pair tables, samples, figures of merit."""
