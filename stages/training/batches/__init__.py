"""Batches: held-out examples, the order of an epoch, windows of images from memory or disk."""
