"""A loss curve of bounded size: it keeps every value at first, then means over ever longer stretches."""

from typing import Any

from .tensors import finite


class Curve:
    """Values over optimiser steps, at most ``2 * size`` points; all stretches have the same length but the last."""

    def __init__(self, size: int = 200) -> None:
        self._size = size
        self._stretch = 1
        self._points: list[list[float]] = []  # [sum, count, bad, step]

    def add(self, value: Any, step: int) -> None:
        """Append one value seen after ``step`` optimiser steps."""
        number = finite(value)
        if not self._points or self._points[-1][1] + self._points[-1][2] >= self._stretch:
            if len(self._points) >= 2 * self._size:
                self._halve()
            if not self._points or self._points[-1][1] + self._points[-1][2] >= self._stretch:
                self._points.append([0.0, 0, 0, 0])
        last = self._points[-1]
        if number is None:
            last[2] += 1
        else:
            last[0] += number
            last[1] += 1
        last[3] = step

    def _halve(self) -> None:
        pairs = zip(self._points[0::2], self._points[1::2], strict=True)
        self._points = [[a[0] + b[0], a[1] + b[1], a[2] + b[2], b[3]] for a, b in pairs]
        self._stretch *= 2

    def points(self) -> list[dict[str, Any]]:
        """Points as in the evidence: ``{"step", "loss"}``; a stretch with a value that is not finite has ``loss``
        None."""
        return [
            {"step": int(step), "loss": finite(total / count) if count and not bad else None}
            for total, count, bad, step in self._points
        ]
