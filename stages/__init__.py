"""A workflow of cached stages that trains and compares image classifiers; dvc.yaml is the graph."""
