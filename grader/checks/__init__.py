"""Checks: pure functions from evidence to results, one file per family."""

from grader.checks.context import Context
from grader.checks.registry import REGISTRY, run_checks
from grader.checks.result import CheckResult
from grader.checks.scoring import Measured

__all__ = ["REGISTRY", "CheckResult", "Context", "Measured", "run_checks"]
