"""Plots of a dataset and of a trained model, as PNG files."""
