"""Splits: copies found among the images, groups kept together, and test images held out."""
