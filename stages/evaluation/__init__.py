"""Evaluation of a trained model: class probabilities, the scores computed from them, tables and the model card."""
