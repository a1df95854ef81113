"""Renders marked submissions: JSON document, static pages, terminal, gradebook."""
