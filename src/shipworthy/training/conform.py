"""Training data as the contract types it, so that a model is trained on what it will be asked with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shipworthy.contract.faults import check
from shipworthy.contract.records import Contract, Feature
from shipworthy.contract.violations import refuse_violations, violations, with_defaults
from shipworthy.models.columns import ARROW_TYPES


def conformed(contract: Contract, table: pa.Table, source: str) -> pa.Table:
    """The table (n rows) with every feature in its own Arrow type, nulls as nulls, and defaults where a request would
    get them; other columns as they are. DataViolation, naming columns, rows and first values.
    """
    refuse_violations(violations(contract, table), f"data.{source}")
    table = with_defaults(contract, table)
    for feature in contract.features:
        wanted = ARROW_TYPES[feature.type]
        column = table[feature.name]
        if column.type != wanted or pa.types.is_floating(wanted):
            column = check(feature, column).values.cast(wanted)
            table = table.set_column(table.column_names.index(feature.name), feature.name, column)
    return table


def with_seen_categories(features: Sequence[Feature], history: pa.Table) -> tuple[Feature, ...]:
    """The features with `values` filled in from history (n rows) where the contract names none."""
    return tuple(_with_seen(feature, history[feature.name]) for feature in features)


def _with_seen(feature: Feature, column: pa.ChunkedArray[Any]) -> Feature:
    if feature.type != "category" or feature.values is not None:
        return feature
    seen = sorted(value for value in pc.unique(column).to_pylist() if value is not None)
    return _replaced(feature, tuple(seen))


def _replaced(feature: Feature, values: tuple[str, ...]) -> Feature:
    given = {name: getattr(feature, name) for name in feature.__struct_fields__}
    return Feature(**{**given, "values": values})
