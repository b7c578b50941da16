"""What the boosted-decision-tree models share: samples, classifiers, study."""
