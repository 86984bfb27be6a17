"""Between Arrow tables and the columns that a runtime takes; `models.records` says what those hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy.contract.records import Feature
from shipworthy.errors import DataViolation
from shipworthy.models.records import NULL_TIMESTAMP, Columns

ARROW_TYPES: dict[str, pa.DataType] = {
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "timestamp": pa.timestamp("ns", tz="UTC"),
}


def schema(features: Sequence[Feature]) -> pa.Schema:
    """The Arrow schema that features have wherever shipworthy writes them."""
    return pa.schema([pa.field(feature.name, ARROW_TYPES[feature.type]) for feature in features])


def from_arrow(table: pa.Table, features: Sequence[Feature]) -> Columns:
    """One array a feature, in the order of `features`; other columns are left out.

    DataViolation where a column is missing, holds values that its type cannot hold without loss, or holds nulls
    that the contract does not allow and that its array could not carry (integers and booleans).
    """
    missing = [feature.name for feature in features if feature.name not in table.column_names]
    if missing:
        raise DataViolation(f"columns missing: {', '.join(missing)}; there are {', '.join(table.column_names)}")
    return [_READERS[feature.type](_cast(table.column(feature.name), feature), feature) for feature in features]


def to_arrow(columns: Columns, features: Sequence[Feature]) -> pa.Table:
    """The table of columns, nulls as nulls; `from_arrow` of it gives the same columns."""
    arrays = [_WRITERS[feature.type](column) for column, feature in zip(columns, features, strict=True)]
    return pa.table(arrays, schema=schema(features))


def column_of(table: pa.Table, name: str) -> NDArray[np.generic]:
    """(n,) values of a column as the table has them: labels, before anything is known of their type."""
    found: NDArray[np.generic] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return found


def _cast(column: pa.ChunkedArray[Any], feature: Feature) -> pa.Array[Any]:
    wanted = ARROW_TYPES[feature.type]
    chunks: list[Any] = column.chunks or [pa.array([], column.type)]
    array = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
    if array.type == wanted:
        return array  # type: ignore[no-any-return]
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not _castable(array.type, feature.type):
        raise DataViolation(f"{feature.name}: expected {feature.type}, the column is {array.type}")
    if feature.type == "boolean" and not pa.types.is_boolean(array.type):
        array = _only_zero_and_one(array, feature)
    if pa.types.is_timestamp(array.type) and array.type.tz is None:
        array = array.cast(pa.timestamp(array.type.unit, tz="UTC"))
    try:
        cast: pa.Array[Any] = array.cast(wanted)
        return cast
    except pa.ArrowInvalid as error:
        raise DataViolation(f"{feature.name}: expected {feature.type}, the column is {array.type}: {error}") from None


def _castable(found: pa.DataType, wanted: str) -> bool:
    if pa.types.is_null(found):
        return True
    number = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    return {
        "float": number or pa.types.is_boolean(found),
        "integer": number or pa.types.is_boolean(found),
        "boolean": number or pa.types.is_boolean(found),
        # A float is no category: 1 and 1.0 would be two of them.
        "category": text or pa.types.is_integer(found) or pa.types.is_boolean(found),
        "timestamp": pa.types.is_timestamp(found) or pa.types.is_date(found),
    }[wanted]


def _only_zero_and_one(array: pa.Array[Any], feature: Feature) -> pa.Array[Any]:
    other = array.filter(pc.invert(pc.is_in(array, pa.array([0, 1, None]).cast(array.type))))
    if len(other):
        raise DataViolation(
            f"{feature.name}: expected boolean, {len(other)} rows are neither 0 nor 1, the first {other[0]}"
        )
    return array


def _floats(array: pa.Array[Any], feature: Feature) -> NDArray[np.generic]:
    return _numpy(array)


def _whole(array: pa.Array[Any], feature: Feature) -> NDArray[np.generic]:
    """Integers and booleans: as they are, or as float64 with NaN where the feature may be null."""
    if not feature.nullable:
        if array.null_count:
            first = int(np.argmax(_numpy(array.is_null())))
            raise DataViolation(
                f"{feature.name}: {array.null_count} rows are null, the first is row {first}; "
                f"expected {feature.type} (say nullable = true if that is meant)"
            )
        return _numpy(array)
    numbers = array.cast(pa.int64()) if pa.types.is_boolean(array.type) else array
    try:
        return _numpy(numbers.cast(pa.float64()))
    except pa.ArrowInvalid as error:
        raise DataViolation(f"{feature.name}: a nullable integer is exact up to 2**53 only: {error}") from None


def _texts(array: pa.Array[Any], feature: Feature) -> NDArray[np.generic]:
    """One Python string a distinct value, not one a row."""
    encoded = array.dictionary_encode()
    words = np.empty(len(encoded.dictionary) + 1, dtype=object)
    words[:-1] = encoded.dictionary.to_pylist()
    words[-1] = None
    codes = encoded.indices.fill_null(len(words) - 1) if array.null_count else encoded.indices
    texts: NDArray[np.generic] = words[_numpy(codes)]
    return texts


def _instants(array: pa.Array[Any], feature: Feature) -> NDArray[np.generic]:
    return _numpy(array.cast(pa.int64()).fill_null(NULL_TIMESTAMP))


def _numpy(array: pa.Array[Any]) -> NDArray[np.generic]:
    found: NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return found


def _nan_as_null(column: NDArray[np.generic]) -> pa.Array[Any]:
    array: pa.Array[Any] = pa.array(column, from_pandas=True)
    return array


def _whole_or_nan(column: NDArray[np.generic]) -> pa.Array[Any]:
    return _nan_as_null(column).cast(pa.int64())


def _booleans(column: NDArray[np.generic]) -> pa.Array[Any]:
    return _nan_as_null(column).cast(pa.bool_())


def _strings(column: NDArray[np.generic]) -> pa.Array[Any]:
    return pa.array(column, type=pa.string(), from_pandas=True)


def _timestamps(column: NDArray[np.generic]) -> pa.Array[Any]:
    array: pa.Array[Any] = pa.array(column, mask=column == NULL_TIMESTAMP).cast(ARROW_TYPES["timestamp"])
    return array


_READERS = {"float": _floats, "integer": _whole, "boolean": _whole, "category": _texts, "timestamp": _instants}
_WRITERS = {
    "float": _nan_as_null,
    "integer": _whole_or_nan,
    "boolean": _booleans,
    "category": _strings,
    "timestamp": _timestamps,
}
