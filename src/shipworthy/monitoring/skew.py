"""Training/serving skew: what the server saw of a row, against the same row in the training source. Pure.

Rows are found again by the caller's `id`. Two pipelines that compute one feature are the commonest reason that a model
is worse in production than at the gate, and no distribution shows it as surely as one row that differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy.contract.faults import check
from shipworthy.contract.records import Feature, Value
from shipworthy.errors import WrongUse
from shipworthy.monitoring.records import FeatureSkew
from shipworthy.monitoring.stored import feature_column

VERSION = 1
_SHOWN = 3  # features in a sentence


class Skew(msgspec.Struct, frozen=True):
    """Ledger kind "skew": served rows held against the training source."""

    version: int
    source: str  # name of the data source
    location: str
    pinned: str  # its version, or the digest of its rows
    tolerance: float  # relative, of floats
    served: int  # the newest rows that had an id, each id once
    compared: int  # of them, rows that stand in the source
    unknown: int  # whose id the source does not have (yet)
    ambiguous: int  # whose id stands for several rows of the source
    features: tuple[FeatureSkew, ...]  # that differed, the one with most rows first
    missing: tuple[str, ...]  # features that no served row has
    words: str


def compared(
    served: pa.Table, training: pa.Table, id_: str, features: Sequence[Feature], tolerance: float
) -> tuple[int, int, int, tuple[FeatureSkew, ...]]:
    """Rows compared, unknown and ambiguous, and the features that differ.

    served: n rows with `id` (no nulls, each once), `prediction_id` and columns of features as `feature_column` names
    them; training: the source, with a column `id_` and the features. WrongUse where it lacks one of them.
    """
    _require(training, [id_, *(feature.name for feature in features)])
    keys = _texts(training, id_)
    counts: Any = pc.value_counts(keys.drop_null())
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), pa.scalar(1, pa.int64())))
    ids: Any = served["id"].combine_chunks()
    at: Any = pc.index_in(ids, value_set=keys)
    is_ambiguous: Any = pc.is_in(ids, value_set=repeated)
    usable: Any = pc.and_(pc.is_valid(at), pc.invert(is_ambiguous))
    left = served.filter(usable)
    right = training.take(at.filter(usable))
    found = [_differing(left, right, feature, tolerance) for feature in features if _there(left, feature)]
    differing = sorted((one for one in found if one is not None), key=lambda one: (-one.differing, one.feature))
    ambiguous, unknown = int(pc.sum(is_ambiguous).as_py() or 0), int(at.null_count)
    return left.num_rows, unknown, ambiguous, tuple(differing)


def in_words(served: int, rows: int, unknown: int, ambiguous: int, found: Sequence[FeatureSkew]) -> str:
    """What a comparison found, in a sentence or two."""
    if not served:
        return "no row was served with an id"
    if not rows:
        rest = _left_out(unknown, ambiguous)
        return f"none of {served:,} rows served stands in the training source{rest}"
    if not found:
        begin = f"{rows:,} rows served are the same in the training source, feature by feature"
    else:
        named = "; ".join(said(one) for one in found[:_SHOWN])
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        begin = f"{named}{more}"
    return begin + _left_out(unknown, ambiguous)


def said(one: FeatureSkew) -> str:
    """One feature, with a row that shows it."""
    return (
        f"{one.feature} differed in {one.differing:,} of {one.rows:,} rows served, "
        f"e.g. id {one.id}: training {written(one.training)}, served {written(one.served)}"
    )


def _left_out(unknown: int, ambiguous: int) -> str:
    parts = [
        f"the source does not have {unknown:,} ids" if unknown else "",
        f"{ambiguous:,} ids stand for several of its rows" if ambiguous else "",
    ]
    said = " and ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def _differing(left: pa.Table, right: pa.Table, feature: Feature, tolerance: float) -> FeatureSkew | None:
    """The feature where n rows, one to one, do not agree; None where they do."""
    served = check(feature, left[feature_column(feature.name)]).values
    training = check(feature, right[feature.name]).values
    mask = _unequal(training, served, tolerance if feature.type == "float" else None)
    if not mask.any():
        return None
    row = int(np.flatnonzero(mask)[0])
    return FeatureSkew(
        feature.name,
        left.num_rows,
        int(mask.sum()),
        left["id"][row].as_py(),
        left["prediction_id"][row].as_py(),
        _readable(training[row].as_py()),
        _readable(served[row].as_py()),
    )


def _unequal(training: Any, served: Any, tolerance: float | None) -> NDArray[np.bool_]:
    """(n,) whether values differ: exactly, or floats by more than `tolerance` of the larger one; null equals null."""
    one_missing: Any = pc.xor(pc.is_null(training), pc.is_null(served))
    missing: NDArray[np.bool_] = one_missing.to_numpy()
    if tolerance is None:
        differing: Any = pc.not_equal(training, served)
        unequal: NDArray[np.bool_] = differing.fill_null(False).to_numpy()
        return missing | unequal
    one, other = (np.nan_to_num(values.to_numpy(), nan=0.0) for values in (training, served))
    with np.errstate(invalid="ignore"):  # infinity less itself
        apart = np.abs(one - other) > tolerance * np.maximum(np.abs(one), np.abs(other))
    found: NDArray[np.bool_] = missing | (apart & (one != other))
    return found


def _require(training: pa.Table, wanted: Sequence[str]) -> None:
    gone = [name for name in wanted if name not in training.column_names]
    if gone:
        raise WrongUse(
            f"the training source has no column {', '.join(gone)}; there are {', '.join(training.column_names)}"
        )


def _there(served: pa.Table, feature: Feature) -> bool:
    return feature_column(feature.name) in served.column_names


def _texts(training: pa.Table, id_: str) -> Any:
    """Ids as callers send them. WrongUse for a column that cannot be one."""
    column: Any = training[id_].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type) or pa.types.is_nested(column.type):
        raise WrongUse(f"the column {id_} holds {column.type}: expected texts or whole numbers, as callers send ids")
    texts = column.cast(pa.string())
    return pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts


def _readable(value: Any) -> Value | None:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    readable: Value | None = value.isoformat() if hasattr(value, "isoformat") else value
    return readable


def written(value: Value | None) -> str:
    """A value as people read it."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
