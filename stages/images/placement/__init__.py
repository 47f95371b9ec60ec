"""Placement of a picture's foreground in an image, as the dataset's own were placed."""
