"""What the pictures of a dataset and of a result look like."""
