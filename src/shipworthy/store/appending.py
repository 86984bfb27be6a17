"""Appending to a Delta table exactly once: each batch carries its number as the transaction of an application."""

from __future__ import annotations

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError


def appended(table: DeltaTable, application: str) -> int:
    """Number of an application's newest batch in the table; 0 for none."""
    table.update_incremental()
    return table.transaction_version(application) or 0


def append_once(table: DeltaTable, rows: pa.Table, application: str, number: int) -> bool:
    """Append batch `number` (1, 2, 3, …) of an application; False where that or a later one is already there.

    Delta itself does not refuse a repeated number, but lets only one of two writers through that try it at a time.
    """
    if appended(table, application) >= number:
        return False
    numbered = CommitProperties(app_transactions=[Transaction(application, number)])
    try:
        write_deltalake(table, rows, mode="append", schema_mode="merge", commit_properties=numbered)
    except CommitFailedError:
        if appended(table, application) >= number:
            return False  # another writer was quicker
        raise
    return True
