"""Hadronic-tau identification: boosted trees (XGBoost) on calorimeter towers around the candidate."""
