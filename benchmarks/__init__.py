"""Measures what the grader costs; every figure is a ratio within one run."""
