"""Prediction of a user's pictures: reading them, classifying them, and showing the answers."""
