"""The report: all runs on one page."""
