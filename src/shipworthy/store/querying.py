"""Reading Delta tables: the same table as it is now, and what its queries and its rows look like to Arrow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError


def as_it_is(table: DeltaTable | None, location: str | Path) -> DeltaTable | None:
    """A table that was opened before, or not yet, with what has come since; None while there is none."""
    try:
        if table is None:
            return DeltaTable(location)
        table.update_incremental()
    except TableNotFoundError:
        return None
    return table


def quoted(names: Iterable[str]) -> str:
    """Columns as a SELECT names them."""
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def without_views(rows: pa.Table) -> pa.Table:
    """Texts as texts: Arrow can hardly do anything with the views of them that queries and deletions leave."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_string_view(field.type):
            rows = rows.set_column(index, field.name, rows[field.name].cast(pa.string()))
    return rows
