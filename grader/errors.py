"""Every exception the grader raises on purpose.

::

    GraderError                 any of the below; its text is one sentence a user can act on
    ├── UsageError              the call is wrong (exit code 2)
    │   ├── IntakeError         a path holds no gradable submission, or a file cannot be read
    │   ├── AmbiguousTask       the task cannot be told; names the candidates
    │   └── RubricError         a rubric file is wrong; names file, key and line
    ├── EnvironmentProblem      something of this machine is missing or broken (exit code 3)
    │   ├── SandboxUnavailable  the isolation asked for cannot be had here
    │   └── DataUnavailable     a data set is neither at hand nor obtainable
    └── EvidenceError           bytes from inside the sandbox do not validate
"""


class GraderError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one clear sentence."""


class UsageError(GraderError):
    """The command was called wrongly, or the input is not what the command takes (exit code 2)."""


class IntakeError(UsageError):
    """A path holds no gradable submission, or a file of it cannot be read."""


class AmbiguousTask(UsageError):
    """The task of a file cannot be told; the text names the candidates and ``--task``."""


class RubricError(UsageError):
    """A rubric file is wrong; the text names file, key and line."""


class EnvironmentProblem(GraderError):
    """This machine lacks something the run needs (exit code 3)."""


class SandboxUnavailable(EnvironmentProblem):
    """The isolation asked for cannot be had on this machine; the text says how to get it."""


class DataUnavailable(EnvironmentProblem):
    """A data set is neither at hand nor obtainable; the text says where to put it."""


class EvidenceError(GraderError):
    """Bytes that came out of the sandbox are too large, malformed or contradictory."""
