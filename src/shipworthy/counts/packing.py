"""Tables of whole numbers as bytes, each number as wide as the largest needs: equal tables give equal bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WIDTHS = (1, 2, 4, 8)  # bytes, little-endian, unsigned


def pack(table: NDArray[np.int64]) -> bytes:
    """A table of numbers from 0."""
    largest = int(table.max(initial=0))
    width = next(width for width in _WIDTHS if largest < 1 << (8 * width))
    return table.astype(f"<u{width}").tobytes()


def unpack(content: bytes, rows: int, width: int) -> NDArray[np.int64]:
    """The table of `pack`, (rows, width)."""
    if not rows * width:
        return np.zeros((rows, width), dtype=np.int64)
    table = np.frombuffer(content, dtype=f"<u{len(content) // (rows * width)}")
    return table.astype(np.int64).reshape(rows, width)
