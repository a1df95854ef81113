"""A class of submissions whose mistakes are known, put together from pieces, to measure how often marks are right."""
