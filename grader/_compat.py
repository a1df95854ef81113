"""What Python 3.10 lacks, in one place."""

import sys

if sys.version_info >= (3, 11):
    from enum import StrEnum
else:
    from enum import Enum

    class StrEnum(str, Enum):
        """An enum whose members are strings (the standard library's, from Python 3.11 on)."""

        def __str__(self) -> str:
            return str(self.value)


__all__ = ["StrEnum"]
