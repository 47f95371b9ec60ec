"""Files of pictures: formats, pixels of any depth, transparency, and pictures with labels."""
