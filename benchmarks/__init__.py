"""What the training loop is measured against, and how."""
