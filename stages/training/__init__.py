"""Training: the loop and its compiled steps. Imported by stages/train.py and benchmarks/ alone."""
