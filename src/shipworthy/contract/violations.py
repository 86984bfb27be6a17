"""A table against the contract's features: what is wrong, in which rows, and whether the contract tolerates it. Pure.

Training, gate, scoring and refresh ask the same question here, so that data which may be trained on is data that may
be asked about. What the contract tolerates is still reported, so that nothing is repaired unseen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa

from shipworthy import clock
from shipworthy.contract.faults import Column, Fault, check, pc
from shipworthy.contract.records import Contract, Feature, Value
from shipworthy.contract.tolerance import FaultKind, tolerates
from shipworthy.contract.words import described
from shipworthy.errors import DataViolation

FIRST = 5  # values and rows shown of a violation

Seen = Mapping[str, Collection[str]]  # feature -> the categories seen in training


class Violation(msgspec.Struct, frozen=True):
    """One kind of fault in one column of a table."""

    column: str
    kind: FaultKind
    rows: int  # how many rows have it
    first: tuple[str, ...]  # the first values as text, at most FIRST of them, no value twice
    first_row: int | None  # position of the first such row, from 0; None for a missing column
    expected: str
    tolerated: bool  # the contract lets such rows through: on_violation = "flag" or "default"

    def __str__(self) -> str:
        if self.kind == "missing column":
            return f"{self.column}: the column is missing; expected {self.expected}"
        rows = f"{self.rows:,} row{'s' if self.rows != 1 else ''}"
        values = "" if self.kind == "null" else f", first {', '.join(self.first)}"
        tolerated = " (tolerated by on_violation)" if self.tolerated else ""
        where = f"{rows} {self.kind}{values}, from row {self.first_row}"
        return f"{self.column}: {where}; expected {self.expected}{tolerated}"


def violations(contract: Contract, table: pa.Table, seen: Seen | None = None) -> tuple[Violation, ...]:
    """Everything in which a table (n rows, any further columns) breaks the contract's features, in their order.

    `seen` names a release's categories, for features that refuse unknown ones without listing them in the contract.
    """
    found: list[Violation] = []
    for feature in contract.features:
        if feature.name not in table.column_names:
            found.append(_missing(feature, table.num_rows))
            continue
        column = table[feature.name]
        checked = check(feature, column, (seen or {}).get(feature.name))
        found += [_violation(feature, column, fault) for fault in checked.faults]
    return tuple(found)


def blocking(found: Iterable[Violation]) -> tuple[Violation, ...]:
    """Those that the contract does not tolerate."""
    return tuple(violation for violation in found if not violation.tolerated)


def refuse_violations(found: Iterable[Violation], source: str) -> None:
    """Raise DataViolation, naming every column, if anything is wrong that the contract does not tolerate."""
    wrong = blocking(found)
    if wrong:
        lines = "\n".join(f"  {violation}" for violation in wrong)
        raise DataViolation(
            f"{source} breaks the contract in {len(wrong)} way{'s' if len(wrong) != 1 else ''}:\n{lines}"
        )


def with_defaults(contract: Contract, table: pa.Table, seen: Seen | None = None) -> pa.Table:
    """The table with violating values of `on_violation = "default"` features replaced, as the server does it.

    Such columns come out in the feature's own Arrow type (contract.faults.ARROW_TYPES); all others as they were.
    """
    for feature in contract.features:
        if feature.on_violation != "default" or feature.name not in table.column_names:
            continue
        checked = check(feature, table[feature.name], (seen or {}).get(feature.name))
        values = checked.values
        for fault in checked.faults:
            values = pc.if_else(fault.mask, _default_scalar(feature, values.type), values)
        if checked.faults:
            table = table.set_column(table.column_names.index(feature.name), feature.name, values)
    return table


def _default_scalar(feature: Feature, kind: pa.DataType) -> pa.Scalar[Any]:
    if feature.type == "timestamp" and isinstance(feature.default, str):
        return pa.scalar(clock.to_datetime(clock.from_iso(feature.default)), kind)
    return pa.scalar(feature.default, kind)


def _missing(feature: Feature, rows: int) -> Violation:
    return Violation(feature.name, "missing column", rows, (), None, described(feature.type), tolerated=False)


def _violation(feature: Feature, column: Column, fault: Fault) -> Violation:
    bad = column.filter(fault.mask)
    first = dict.fromkeys(_shown(value) for value in bad.slice(0, 20 * FIRST).to_pylist())
    return Violation(
        column=feature.name,
        kind=fault.kind,
        rows=len(bad),
        first=tuple(first)[:FIRST],
        first_row=pc.index(fault.mask, value=True).as_py(),
        expected=fault.expected,
        tolerated=tolerates(feature, fault.kind),
    )


def _shown(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    shown = str(value) if isinstance(value, Value) and not isinstance(value, str) else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
