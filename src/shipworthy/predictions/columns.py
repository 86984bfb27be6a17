"""What a model said, as the columns of a table: the same wherever predictions are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def predictions(values: NDArray[np.float64], classes: Sequence[str | int | float | bool]) -> pa.Array[Any]:
    """(n,) of answers (n, k): the likeliest class as text, the first of equals; a regression's numbers themselves."""
    if not classes:
        return pa.array(values[:, 0])
    texts = [str(name).lower() if isinstance(name, bool) else str(name) for name in classes]  # as answers have them
    names: Any = pa.array(texts, pa.string())
    likeliest: pa.Array[Any] = names.take(pa.array(values.argmax(axis=1)))
    return likeliest


def lists(values: NDArray[np.float64]) -> pa.Array[Any]:
    """(n,) lists of the k answers to each row."""
    rows, width = values.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.ravel()))
