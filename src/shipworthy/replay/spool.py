"""Answers of every window, with their labels, on disk until all of the log is read: its rows come in any order."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Spool:
    """A folder that is gone afterwards; memory holds one window at a time."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="shipworthy-replay-")
        self._width = self._answers = 0
        self.starts: set[int] = set()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, windows: NDArray[np.int64], answers: Floats, target: Floats, codes: NDArray[np.int64]) -> None:
        """Rows, n of them: start of the window, answers (n, k), label or its class's index or NaN, bins (n, c)."""
        rows = np.column_stack([target, answers, codes])
        self._answers, self._width = answers.shape[1], rows.shape[1]
        for start in np.unique(windows).tolist():
            with self._file(start).open("ab") as stream:
                stream.write(rows[windows == start].tobytes())
            self.starts.add(start)

    def read(self, start: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Labels (n,), answers (n, k) and bins (n, c) of one window."""
        rows = np.fromfile(self._file(start)).reshape(-1, self._width)
        end = 1 + self._answers
        return rows[:, 0], rows[:, 1:end], rows[:, end:].astype(np.int64)

    def _file(self, start: int) -> Path:
        return Path(self._folder.name) / str(start)
