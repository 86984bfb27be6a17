"""What one release was asked, as another one is asked it. Pure.

A log holds the values that the release which answered was given, defaults put in. A shadow is asked the same values by
name; what its own contract does not let through, it would have refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.faults import check
from shipworthy.contract.records import Feature
from shipworthy.contract.tolerance import tolerates
from shipworthy.errors import DataViolation
from shipworthy.models.columns import ARROW_TYPES, from_arrow, to_arrow
from shipworthy.models.records import Columns
from shipworthy.predictions.format import LoggedFeature

pc: Any = pyarrow.compute  # its published types do not know every overload


@dataclass(frozen=True, slots=True)
class Asked:
    """n rows as another release is asked them."""

    columns: Columns  # of the rows that it would answer, in the order of its own features
    kept: NDArray[np.bool_]  # (n,) which those are


def missing(sent: Sequence[Feature | LoggedFeature], wanted: Sequence[Feature]) -> list[str]:
    """Features that callers do not send and that cannot be made up for."""
    names = {feature.name for feature in sent}
    return [feature.name for feature in wanted if feature.name not in names and _absent(feature) is _NOTHING]


def translated(logged: Sequence[LoggedFeature], columns: Columns, wanted: Sequence[Feature]) -> Asked:
    """Rows of a log for a release with the features `wanted`. DataViolation where one is missing."""
    lacking = missing(logged, wanted)
    if lacking:
        raise DataViolation(f"the log has no {', '.join(lacking)}; it holds {', '.join(one.name for one in logged)}")
    given = to_arrow(columns, [Feature(name=one.name, type=one.type, nullable=True) for one in logged])
    kept, values = np.ones(given.num_rows, bool), {}
    for feature in wanted:
        column: Any = given[feature.name] if feature.name in given.column_names else _made_up(feature, given.num_rows)
        checked = check(feature, column)
        if checked.faults and feature.on_violation == "default":
            column = checked.values
        for fault in checked.faults:
            if feature.on_violation == "default":
                column = pc.if_else(fault.mask, pa.scalar(_default(feature), column.type), column)
            elif not tolerates(feature, fault.kind):
                kept &= ~np.asarray(fault.mask)
        values[feature.name] = column
    return Asked(from_arrow(pa.table(values).filter(pa.array(kept)), wanted), kept)


_NOTHING = object()


def _absent(feature: Feature) -> object:
    """What a feature that is not sent becomes."""
    if feature.on_violation == "default":
        return _default(feature)
    return None if feature.nullable else _NOTHING


def _default(feature: Feature) -> Any:
    if feature.type == "timestamp" and isinstance(feature.default, str):
        return clock.to_datetime(clock.from_iso(feature.default))
    return feature.default


def _made_up(feature: Feature, rows: int) -> Any:
    value: Any = pa.scalar(_absent(feature), ARROW_TYPES[feature.type])
    return pa.chunked_array([pa.repeat(value, rows)])
