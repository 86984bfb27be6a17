"""What the model said to the rows of one request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Class = str | int | float | bool


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Rows in the order of the request."""

    ids: list[str]  # prediction ids
    predictions: list[Class]  # the likeliest class, or a regression's prediction
    values: list[list[float]]  # (rows, k): probabilities in the order of the classes


def as_keys(classes: Sequence[Class]) -> tuple[str, ...]:
    """Classes as the keys of a JSON object."""
    return tuple(str(class_).lower() if isinstance(class_, bool) else str(class_) for class_ in classes)
