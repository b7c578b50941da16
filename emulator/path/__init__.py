"""The trigger path: models, menu, prescales, trigger rules, accept."""
