"""Every cap the grader applies, with a name, a unit and one place to change it."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# --- what comes in ---------------------------------------------------------------------------------------------
MAX_SOURCE_BYTES = 64 * MIB  # a notebook file, outputs included
MAX_CELLS = 2_000  # code cells of one notebook
MAX_CELL_SOURCE = 1 * MIB  # source characters of one cell
MAX_NOTEBOOK_MARKS = 4_000_000  # brackets, commas and colons of a notebook file, those in texts included
MAX_PARSED_SOURCE = 256 * KIB  # source characters of one file that are parsed to tell what it is
MAX_SOURCES = 200  # notebooks and Python files of one student that are looked at
MAX_SUBMISSION_FILES = 2_000  # files copied beside a notebook
MAX_SUBMISSION_BYTES = 256 * MIB  # and their size together
MAX_ARCHIVE_ENTRIES = 20_000  # of a zip or tar of submissions
MAX_ARCHIVE_BYTES = 4 * GIB  # its content, unpacked

# --- what comes out of the sandbox -------------------------------------------------------------------------------
MAX_EVIDENCE_JSON = 2 * MIB  # evidence.json or heldout.json as written by the probe
MAX_JSON_MARKS = 250_000  # brackets, commas and colons of it, those in texts included
MAX_JSON_KEYS = 64  # keys of one object in it
MAX_ARRAY_BYTES = 64 * MIB  # one .npy file
MAX_ARRAY_NUMBERS = 16 * MIB  # numbers of one array that are kept
MAX_ARRAYS = 32  # .npy files of one run
MAX_ALL_ARRAYS_BYTES = 144 * MIB  # what is kept of the arrays of one step
MAX_TABLE_WIDTH = 256  # numbers per item up to which the recorder takes items for rows of a table
MAX_TABLE_ROWS = 1_024  # recorded items of a table
MAX_IMAGE_ROWS = 64  # recorded items that are larger
MAX_ANSWER_ROWS = 20_000  # answers; above what any held-out world has
MAX_ANSWER_WIDTH = 4_096  # numbers per answer, output or target; of wider ones only the shape is of use
MAX_ERROR_NAME = 200  # characters of an exception's class name
MAX_ERROR_TEXT = 2_000  # characters of an exception's message
MAX_TRACEBACK = 6_000  # characters of a traceback that are kept
MAX_CELL_OUTPUT = 20_000  # characters of a cell's stdout that are kept
MAX_TOTAL_OUTPUT = 64 * MIB  # bytes of kernel output after which the run is stopped
MAX_MESSAGE = 40 * MIB  # one message of a kernel; a longer one is not taken in. Unpacking needs four times as much

# --- what runs at once -------------------------------------------------------------------------------------------
TASKS_PER_PROCESS = 4  # processes and threads together that a run may have, for each process that it may have
DEVICE_JOBS = 2  # runs that share a GPU: the course's nets are small, and fill it less than half
# variables that say how many threads a library takes for sums and products
THREAD_COUNTS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
)

# --- what is shown -----------------------------------------------------------------------------------------------
FEW_ITEMS = 500  # fewer held-out items than these are said to be few
MAX_SHOWN_ERRORS = 12  # failing cells listed on a page
MAX_SHOWN_LAYERS = 40  # layers listed on a page


@dataclass(frozen=True)
class RunLimits:
    """Limits of one sandboxed run; seconds and bytes."""

    wall_s: float = 1_500.0
    cell_s: float = 1_200.0
    cpu_s: float = 3_600.0
    memory_bytes: int = 6 * GIB
    disk_bytes: int = 1 * GIB
    processes: int = 256
    output_bytes: int = MAX_TOTAL_OUTPUT
    finish_s: float = 120.0  # for each of the probe's own steps after the student's code

    @property
    def tasks(self) -> int:
        """Processes and threads together, which is what the kernel counts."""
        return self.processes * TASKS_PER_PROCESS
