"""What the data is: where it comes from, its files, its arrays."""
