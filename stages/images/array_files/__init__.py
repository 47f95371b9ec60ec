"""Files of arrays: .npz and IDX, and the images and labels that they hold."""
