"""Benchmarks of training, prediction and DVC, and the tutorials' own code to compare with."""
