"""Names shared by every stage: the tasks, the statuses, and the ways a held-out prediction was obtained."""

from grader._compat import StrEnum


class TaskId(StrEnum):
    """The four exercises, by the id used in files, commands and JSON."""

    PENGUINS_CLASSIFICATION = "penguins-classification"
    PENGUINS_REGRESSION = "penguins-regression"
    MNIST_CLASSIFICATION = "mnist-classification"
    ELLIPSE_REGRESSION = "ellipse-regression"


class Status(StrEnum):
    """Outcome of one criterion.

    ``BLOCKED``: a criterion it depends on failed. ``NEEDS_REVIEW`` and ``HARNESS_ERROR`` are never turned into
    zero silently: their points are left open and the report says so.
    """

    PASS = "pass"
    PARTIAL = "partial"
    FAIL = "fail"
    BLOCKED = "blocked"
    NEEDS_REVIEW = "needs-review"
    HARNESS_ERROR = "harness-error"


class TaskStatus(StrEnum):
    """Outcome of one task of one submission."""

    MARKED = "marked"
    NEEDS_REVIEW = "needs-review"
    UNREADABLE = "unreadable"
    HARNESS_ERROR = "harness-error"


class CellStatus(StrEnum):
    """What happened to one code cell."""

    OK = "ok"
    ERROR = "error"
    TIMEOUT = "timeout"
    NOT_RUN = "not-run"


class Method(StrEnum):
    """How held-out predictions were obtained, best first."""

    PREDICT = "predict"
    REPLAY = "replay"
    INPUT_MAP = "input-map"
    RECORDED_VALIDATION = "recorded-validation"


class Exit(StrEnum):
    """How a sandboxed run ended, as the supervisor saw it."""

    FINISHED = "finished"
    WALL_TIME = "wall-time"
    CPU_TIME = "cpu-time"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    PROCESSES = "processes"
    CRASHED = "crashed"
    NOT_STARTED = "not-started"


class Isolation(StrEnum):
    """What the user asks for on the command line."""

    AUTO = "auto"
    REQUIRED = "required"
    PROCESS = "process"


class Device(StrEnum):
    """The device a run is asked to use."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"
