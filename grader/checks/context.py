"""Everything a check may look at, and the few questions that most checks ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import dropwhile

import numpy as np
from numpy.typing import NDArray

from grader.checks.result import CheckResult, harness_error, review
from grader.checks.scoring import Measured, measure
from grader.checks.surroundings import FAILED, excused, lacks_file, stopping, undefined
from grader.checks.written import calls, makers
from grader.evidence.bundle import Evidence
from grader.evidence.model import (
    ArchitectureClaim,
    CellRecord,
    Claims,
    EpisodeClaim,
    EvidenceDocument,
    LossClaim,
    PassClaim,
    ShortenedClaim,
)
from grader.intake.submission import Cell
from grader.predictions import recorded
from grader.predictions.model import HeldOutPredictions
from grader.rubric import Calibration
from grader.tasks.model import TaskSpec, World
from grader.types import CellStatus, Exit


@dataclass(frozen=True)
class Context:
    """One marked run: its evidence, the world it saw, the held-out predictions, and what they are measured against.
    ``source``: the text of the cells, for words only; empty if it is not at hand. ``worked_out``: what one check has
    worked out of these at length, for the others."""

    evidence: Evidence
    world: World
    predictions: HeldOutPredictions
    spec: TaskSpec
    calibration: Calibration
    source: tuple[Cell, ...] = ()
    worked_out: dict[str, float | None] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def document(self) -> EvidenceDocument:
        """The validated document."""
        return self.evidence.document

    @property
    def claims(self) -> Claims | None:
        """What came out of the sandbox, if it validated."""
        return self.document.claims

    @property
    def told(self) -> Claims:
        """The claims, for use behind :meth:`without_claims`. ValueError: there are none."""
        if self.claims is None:
            raise ValueError("there are no claims")
        return self.claims

    @property
    def architecture(self) -> ArchitectureClaim | None:
        """The marked model, if there is one."""
        return self.claims.architecture if self.claims else None

    @property
    def episode(self) -> EpisodeClaim | None:
        """The marked episode if its optimiser stepped at all."""
        marked = self.claims.marked if self.claims else None
        return marked if marked is not None and marked.steps > 0 else None

    @property
    def trained(self) -> bool:
        """Whether an optimiser has stepped on the marked model."""
        return self.episode is not None

    @property
    def attempted(self) -> bool:
        """Whether there is a training loop at all: steps, or at least backward passes."""
        return self.trained or bool(self.train_losses)

    @property
    def cells(self) -> list[CellRecord]:
        """The cells that hold code."""
        return [c for c in self.document.cells if c.lines or c.error or c.status is CellStatus.TIMEOUT]

    @property
    def failures(self) -> list[CellRecord]:
        """The cells that were run and did not come to their end."""
        return [c for c in self.cells if c.status in FAILED]

    @property
    def first_failure(self) -> CellRecord | None:
        """The first cell that failed; one that is excused, or may fail, only if no other failed."""
        own = (c for c in self.failures if not excused(c) and not c.may_fail)
        return next(own, next(iter(self.failures), None))

    @cached_property
    def calls(self) -> frozenset[str]:
        """Which calls of a training stand in the text of the cells; none if that is not at hand."""
        return calls(self.source)

    @cached_property
    def makers(self) -> Mapping[str, list[int]]:
        """By each name, indices of the cells that make it; none if their text is not at hand."""
        return makers(self.source)

    def makers_of_missing(self, failed: CellRecord) -> list[int]:
        """Indices of the cells that make the name for want of which ``failed`` failed; none if it failed otherwise."""
        return self.makers.get(undefined(failed), [])

    @property
    def writes_training(self) -> bool:
        """Whether a training is written, be it reached or not; False if the text of the cells is not at hand."""
        return "backward" in self.calls

    @cached_property
    def stopped_by_surroundings(self) -> CellRecord | None:
        """The cell for which nothing was trained, if it was the first to fail and needs something that this machine
        lacks. None where the work would have trained nothing even so: no training is written, and all that follows
        that cell ran, or what it lacks is a data file."""
        cell = None if self.attempted or self.beats_guessing else stopping(self.cells)
        if cell is None:
            return None
        later = [c.status is CellStatus.OK for c in self.cells if c.index > cell.index]
        unneeded = lacks_file(cell) or (bool(later) and all(later))  # without its table little runs in any notebook
        return None if bool(self.source) and not self.calls and unneeded else cell

    def unfollowed(self, aim: str) -> CheckResult | None:
        """What to answer where weights were trained that belong to no module, so that nobody saw what they were used
        for; None where it was seen."""
        if not self.trained or self.architecture is not None or self.told.passes:
            return None
        return review(aim=aim, found="Weights were trained that belong to no nn.Module: their use was not seen.")

    @property
    def cut(self) -> ShortenedClaim | None:
        """Where the training of the marked model was cut short, if it was and nothing trained it afterwards."""
        if self.claims is None or self.episode is None:
            return None
        model = self.episode.model_id
        steps = sum(episode.steps for episode in self.claims.episodes if episode.model_id == model)
        cuts = [claim for claim in self.claims.shortened if claim.model_id == model and claim.step]
        return cuts[-1] if cuts and cuts[-1].step >= steps else None

    @property
    def tabular(self) -> bool:
        """Whether inputs are rows of a table."""
        return self.spec.inputs == "table"

    @property
    def classifies(self) -> bool:
        """Whether the task is a classification."""
        return self.spec.family == "classification"

    @property
    def train_losses(self) -> list[LossClaim]:
        """Loss functions that led to a backward pass, most called first."""
        found = [loss for loss in self.claims.losses if loss.phase == "train" and loss.calls] if self.claims else []
        return sorted(found, key=lambda loss: -loss.calls)

    @property
    def later_evaluations(self) -> list[PassClaim]:
        """Evaluation passes after the first optimiser step; where none was made, after the first backward pass."""
        passes = self.claims.passes if self.claims else []
        if not self.trained:
            passes = list(dropwhile(lambda p: p.phase != "train", passes))
        return [p for p in passes if p.phase == "eval" and p.forwards and (p.step or not self.trained)]

    @cached_property
    def measured(self) -> Measured | None:
        """The held-out metric and its anchors; None without usable predictions."""
        return measure(self.spec, self.world, self.predictions, reference=self.calibration.reference)

    @property
    def reached_level(self) -> bool:
        """Whether the held-out level for full marks was reached: then a suspicion about the training cannot have
        mattered."""
        return self.measured is not None and self.measured.share >= 1.0

    @property
    def beats_guessing(self) -> bool:
        """Whether held-out predictions are clearly better than the naive baseline."""
        return self.measured is not None and self.measured.share >= 0.25

    def array(self, name: str) -> NDArray[np.float64] | None:
        """A recorded array as finite-or-not floats; None if absent, empty, not numeric or absurdly wide."""
        return recorded.numbers(self.evidence, name)

    def without_claims(self, aim: str) -> CheckResult | None:
        """What to answer when the sandbox handed back nothing that validates; None when it did."""
        if self.claims is not None:
            return None
        host = self.document.host
        if host.exit is Exit.NOT_STARTED:
            return harness_error(aim, f"The run could not be started. {host.sentence}".strip())
        if self.document.problems:
            return review(aim=aim, found=f"What the run left behind could not be used: {self.document.problems[0]}")
        if host.exit is Exit.FINISHED:
            return harness_error(aim, "The run ended normally, yet nothing was recorded.")
        return review(aim=aim, found=host.sentence or "The process ended before anything could be recorded.")
