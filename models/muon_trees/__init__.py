"""The small muon pT algorithm: boosted trees that learnt the large network's answers, as look-up logic."""
