"""Evidence in memory: the validated document and the arrays that belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grader.evidence.model import EvidenceDocument

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Evidence:
    """One run: ``document`` (validated) and ``arrays`` by name, each numeric and finite or not, never of objects."""

    document: EvidenceDocument
    arrays: Mapping[str, Array] = field(default_factory=dict)
