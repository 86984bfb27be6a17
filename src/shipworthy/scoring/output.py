"""OUT and OUT.refused: Delta tables to which each chunk of a job is appended once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from shipworthy.store.appending import append_once, appended


class Output:
    """Where one job writes."""

    def __init__(self, location: str, job: str) -> None:
        self.location = location.rstrip("/")
        self.refused_location = f"{self.location}.refused"
        self._job = job
        self._tables: dict[str, DeltaTable] = {}

    def done(self) -> int:
        """How many chunks are in OUT."""
        table = _opened(self.location)
        return appended(table, self._job) if table is not None else 0

    def append(self, rows: pa.Table, number: int) -> None:
        """Append chunk `number`'s scores; with this last step of a chunk it is done."""
        self._append(self.location, rows, number)

    def refuse(self, rows: pa.Table, number: int) -> None:
        """Append chunk `number`'s refused rows; before its scores."""
        self._append(self.refused_location, rows, number)

    def refused_rows(self) -> int:
        """How many rows of this job were refused."""
        table = _opened(self.refused_location)
        if table is None:
            return 0
        query = f"SELECT count(*) AS rows FROM refused WHERE job = '{self._job}'"  # noqa: S608 - our own digits
        found: Any = pa.table(QueryBuilder().register("refused", table).execute(query).read_all())
        count: int = found["rows"][0].as_py()
        return count

    def _append(self, location: str, rows: pa.Table, number: int) -> None:
        job: Any = pa.repeat(pa.scalar(self._job), rows.num_rows)
        rows = rows.append_column("job", job)
        if location not in self._tables:
            self._tables[location] = _made(location, rows.schema)
        append_once(self._tables[location], rows, self._job, number)


def _opened(location: str) -> DeltaTable | None:
    try:
        return DeltaTable(location)
    except TableNotFoundError:
        return None


def _made(location: str, schema: pa.Schema) -> DeltaTable:
    if "://" not in location:
        Path(location).parent.mkdir(parents=True, exist_ok=True)
    DeltaTable.create(location, schema, mode="ignore")
    return DeltaTable(location)
