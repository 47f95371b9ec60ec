"""Comparison of a run's experiments: their results, groups of equal changes, statistical significance."""
