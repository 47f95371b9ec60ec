"""Datasets: files, downloads, and the arrays made from them."""
