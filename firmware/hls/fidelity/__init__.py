"""Whether a converted network predicts what the trained one does, on a user's data."""
