# From a bare clone: `make demo` marks a small class and writes reports/index.html; `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
BENCH ?=
VALIDITY ?=

.DELETE_ON_ERROR:
.PHONY: demo test hostile validity bench figures lint types clean

# Installs once, and again only when pyproject.toml changes: everything below works offline from then on.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,course]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/grader demo --out reports

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --ignore tests/hostile
	$(BIN)/python -m pytest tests/hostile

# The class of attackers alone: it is marked by four workers of its own, so its tests do not run beside others.
hostile: $(STAMP)
	$(BIN)/python -m pytest tests/hostile

# A class whose mistakes are known, about half an hour: docs/marking.md. A part: make validity VALIDITY="--only species"
validity: $(STAMP)
	$(BIN)/python -m tests.validity --out reports/validity $(VALIDITY)

# Ratios against plain nbclient and more, about an hour: docs/performance.md. A part: make bench BENCH="c e --quick"
bench: $(STAMP)
	$(BIN)/python -m benchmarks $(BENCH)

# The scoring curves in docs/marking.md, after a calibration.
figures: $(STAMP)
	$(BIN)/python docs/figures/scoring.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

clean:
	rm -rf reports build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find grader tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
