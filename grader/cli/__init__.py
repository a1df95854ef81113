"""The command line: one file per command; ``grader.cli.main`` puts them together."""
