"""Grades the coursework of a neural-network workshop: runs it in isolation, watches it train, marks and explains."""

__version__ = "0.1.0"
