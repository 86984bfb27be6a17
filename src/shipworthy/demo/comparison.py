"""Was it worth it? The first model and whoever answered live, on the same flights, month by month."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract.records import Metric
from shipworthy.demo.world import Replayed
from shipworthy.errors import Undecided
from shipworthy.models.answers import score
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import from_arrow
from shipworthy.models.metrics import measure
from shipworthy.models.runtimes import load

PART = 20_000  # rows in one call of the model


class Month(msgspec.Struct, frozen=True):
    """Both on the flights of one calendar month (UTC)."""

    month: str  # "2013-07"
    flights: int  # that arrived, and that were answered live
    first: float  # the metric
    current: float  # the same of whoever answered live


def by_month(flights: pa.Table, replayed: Replayed, first: Path, metric: Metric) -> list[Month]:
    """The release in the folder `first` against those who answered, on the flights that they were asked about."""
    return compare(metric, flights, scores_of(first, flights), replayed.scores)


def compare(metric: Metric, flights: pa.Table, first: NDArray[np.float64], live: NDArray[np.float64]) -> list[Month]:
    """Both on flights that arrived and that both spoke of; without months in which the metric has no value.

    flights: as `demo.flights.read` gives them; first, live: (n,) probability of being late, NaN where nothing was said.
    """
    late = flights["late"].cast(pa.float64()).to_numpy()
    compared = ~np.isnan(late) & ~np.isnan(first) & ~np.isnan(live)
    months = flights["scheduled_departure"].cast(pa.timestamp("s")).to_numpy().astype("datetime64[M]")
    found = []
    for month in np.unique(months[compared]):
        rows = compared & (months == month)
        try:
            values = [measure(metric, late[rows] == 1, _answers(said[rows]), (False, True)) for said in (first, live)]
        except Undecided:
            continue
        found.append(Month(str(month), int(rows.sum()), *values))
    return found


def scores_of(release: Path, flights: pa.Table) -> NDArray[np.float64]:
    """(n,) what the release in a folder says to each flight, by the runtime that it uses for batches."""
    bundle = Bundle.open(release)
    runtime = load(bundle, bundle.description.batch)
    features = bundle.description.features
    parts = [flights.slice(start, PART) for start in range(0, flights.num_rows, PART)]
    said = [score(runtime.predict(from_arrow(part, features)).values, bundle.description) for part in parts]
    return np.concatenate(said) if said else np.zeros(0)


def _answers(late: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) probabilities of being on time and of being late."""
    return np.column_stack([1 - late, late])
