"""Labelled answers of every window, on disk until all of the log is read: its rows come in any order."""

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
        self._width = 0
        self.starts: set[int] = set()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, windows: NDArray[np.int64], answers: Floats, target: Floats) -> None:
        """Labelled rows, n of them: start of the window, answers (n, k), label or its class's index."""
        rows = np.column_stack([target, answers])
        self._width = rows.shape[1]
        for start in np.unique(windows).tolist():
            with self._file(start).open("ab") as stream:
                stream.write(rows[windows == start].tobytes())
            self.starts.add(start)

    def read(self, start: int) -> tuple[Floats, Floats]:
        """Labels (n,) and answers (n, k) of one window."""
        rows = np.fromfile(self._file(start)).reshape(-1, self._width)
        return rows[:, 0], rows[:, 1:]

    def _file(self, start: int) -> Path:
        return Path(self._folder.name) / str(start)
