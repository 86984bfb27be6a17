"""Labels of a log as numbers: those of a regression, or the index of the class. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy.errors import DataViolation, WrongUse
from shipworthy.replay.roles import Roles

_USUAL = (("false", "true"), ("0", "1"))  # the classes of a label that is a boolean, or 0 and 1


def classes_of(roles: Roles, labels: pa.ChunkedArray[Any], width: int) -> tuple[str, ...]:
    """The classes as text, in the order of the answers' `width` columns; () for a regression."""
    if roles.task == "regression":
        return ()
    if roles.classes:
        if len(roles.classes) != width:
            raise WrongUse(
                f"--classes names {len(roles.classes)} classes, and {roles.answer} holds {width} answers a row"
            )
        return roles.classes
    found = set(pc.unique(_texts(labels)).drop_null().to_pylist())
    usual = next((classes for classes in _USUAL if width == len(classes) and found <= set(classes)), None)
    if usual is None:
        shown = ", ".join(sorted(map(str, found))[:10])
        raise WrongUse(
            f"{roles.label} holds {shown}: name the {width} classes in the order of {roles.answer} by --classes "
            + ("NO,YES (the last is the one whose probability it is)" if width == len(_USUAL[0]) else "A,B,…")
        )
    return usual


def codes_of(labels: pa.ChunkedArray[Any], roles: Roles, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """(n,) numbers; NaN where there is no label. DataViolation for one that is no class, or no number."""
    if roles.task == "regression":
        try:
            numbers: NDArray[np.float64] = labels.cast(pa.float64()).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataViolation(f"{roles.label}: expected numbers, the column is {labels.type}") from None
        return numbers
    texts = _texts(labels)
    found: Any = pc.index_in(texts, value_set=pa.array(classes, pa.string()))
    unknown = pc.and_(pc.is_null(found), pc.is_valid(texts))
    if pc.any(unknown).as_py():
        first = texts.filter(unknown)[0].as_py()
        raise DataViolation(f"{roles.label}: {first!r} is none of the classes {', '.join(classes)}")
    codes: NDArray[np.float64] = found.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return codes


def _texts(labels: pa.ChunkedArray[Any]) -> Any:
    """Labels as text, in one array; whole numbers that are kept as floats lose their ".0"."""
    column: Any = pa.concat_arrays(labels.chunks) if labels.num_chunks else pa.array([], labels.type)
    if pa.types.is_floating(column.type):
        whole = pc.if_else(pc.is_nan(column), None, column)
        column = whole.cast(pa.int64()) if pc.all(pc.equal(pc.floor(whole), whole)).as_py() else whole
    return column.cast(pa.string())
