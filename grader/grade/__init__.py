"""Points and reports from check results; pure. ``grading`` grades, ``model`` is plain data."""
