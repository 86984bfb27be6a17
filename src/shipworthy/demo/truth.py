"""What becomes known after the fact: two Delta tables of the project, appended to as flights land.

`data/flights` is what the model is trained on: features, id and label; a flight that never arrived has no label.
`data/outcomes` is how the truth comes back to those who asked: id, label, and when it was known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from numpy.typing import NDArray

from shipworthy.demo.flights import FEATURES
from shipworthy.errors import WrongUse

FLIGHTS = "data/flights"
OUTCOMES = "data/outcomes"
CHECKPOINT = 25  # commits; the one after a checkpoint costs 5 ms, the 250th without any 80


class Truth:
    """Both tables, and how far they have come."""

    def __init__(self, flights: pa.Table, project: Path) -> None:
        """`flights` as `demo.flights.read` gives them."""
        order = np.argsort(instants(flights, "filed_at"), kind="stable")
        self._flights = flights.take(pa.array(order, pa.int64()))
        self._filed = instants(self._flights, "filed_at")
        self._project = project
        self._told = 0  # rows of self._flights that are in the tables
        self._tables: dict[str, DeltaTable] = {}

    def tell(self, until: int) -> int:
        """Append, in the order they were filed, all outcomes filed before `until` (ns); how many those were.

        The first call makes the tables, and refuses a folder that has them.
        """
        if not self._told:
            self._refuse_a_past()
        end = int(np.searchsorted(self._filed, until, side="left"))
        news = self._flights.slice(self._told, max(0, end - self._told))
        if news.num_rows:
            self._append(FLIGHTS, news.select(["id", *FEATURES, "late"]))
            arrived = news.filter(news["late"].is_valid())
            self._append(
                OUTCOMES, arrived.select(["id", "late", "filed_at"]).rename_columns(["id", "late", "known_at"])
            )
            self._told = end
        return news.num_rows

    def _append(self, name: str, rows: pa.Table) -> None:
        path = self._project / name
        if name not in self._tables:
            path.mkdir(parents=True, exist_ok=True)
            write_deltalake(path, rows, mode="append")
            self._tables[name] = DeltaTable(path)
        elif rows.num_rows:
            table = self._tables[name]
            write_deltalake(table, rows, mode="append")
            if table.version() % CHECKPOINT == 0:
                table.create_checkpoint()
                self._tables[name] = DeltaTable(path)

    def _refuse_a_past(self) -> None:
        for name in (FLIGHTS, OUTCOMES):
            if (self._project / name / "_delta_log").exists():
                raise WrongUse(f"{self._project / name} is there already: a year is replayed into a new folder")


def instants(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Instants of a column, ns since 1970, UTC."""
    return table[name].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
