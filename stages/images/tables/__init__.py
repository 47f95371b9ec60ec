"""CSV tables: paths of pictures with their classes, and pixels in columns."""
