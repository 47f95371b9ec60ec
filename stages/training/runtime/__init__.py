"""The process that trains: checkpoints, locks, signals, workers, precision."""
