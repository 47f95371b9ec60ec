"""The report: all runs on one HTML page."""
