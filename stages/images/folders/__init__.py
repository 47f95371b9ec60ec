"""Folders of pictures: their files, their classes and their splits."""
