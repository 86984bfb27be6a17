"""`init` begins with rows wherever a contract may find them: a file, a folder of files, a Delta table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from shipworthy.contract.reading import read
from shipworthy.contract.sample import Sample, write_project
from shipworthy.errors import NotFound, WrongUse
from shipworthy.training import delta
from shipworthy.wiring.sampling import sample_of

ROWS = pa.table({"area": [20.5, 30.0, 41.0] * 5, "rent": [200.5, 300.0, 410.0] * 5})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the same rows as a file, a table of two versions and a folder of two files."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(ROWS, "rents.parquet")
    for _ in range(2):
        write_deltalake("data/rents", ROWS, mode="append")
    Path("parts/_marks").mkdir(parents=True)
    csv.write_csv(ROWS, "parts/a.csv")
    csv.write_csv(ROWS, "parts/_marks/b.csv")
    pq.write_table(ROWS, "parts/c.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "source", "rows"),
    [
        ("rents.parquet", "file:rents.parquet", 15),
        ("file:rents.parquet", "file:rents.parquet", 15),
        ("data/rents", "delta:data/rents", 30),
        ("data/rents/", "delta:data/rents", 30),
        ("delta:data/rents", "delta:data/rents", 30),
        ("delta:data/rents@0", "delta:data/rents", 15),
        ("parts", "file:parts", 30),
    ],
)
def test_a_sample_is_named_as_the_contract_will_name_it(folder: Path, given: str, source: str, rows: int):
    sample = sample_of(given, folder)
    assert (sample.source, sample.rows.num_rows) == (source, rows)
    write_project(sample, folder, target="rent")
    contract = read(folder / "shipworthy.toml")
    assert f"{contract.data[0].kind}:{contract.data[0].location}" == source
    assert contract.name in ("rents", "parts")


def test_a_table_elsewhere_is_named_by_its_whole_path(folder: Path):
    sample = sample_of("data/rents", folder / "project")
    assert sample.source == f"delta:{folder}/data/rents"


def test_no_more_of_a_large_table_is_read_than_is_studied(folder: Path):
    assert delta.first_rows("data/rents", None, 4).num_rows == 4
    assert delta.first_rows("data/rents", None, 16).num_rows == 16


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ("data", NotFound, "data is no Delta table, and holds no"),
        ("delta:parts", NotFound, "parts is no Delta table"),
        ("nowhere", NotFound, "nowhere does not exist"),
        ("sql:postgresql://db/x", WrongUse, "name sql: as the source in the contract"),
    ],
)
def test_what_is_no_sample_is_refused_with_what_to_do(folder: Path, given: str, kind: type[Exception], message: str):
    (folder / "data" / "rents").rename(folder / "moved")
    with pytest.raises(kind, match=message):
        sample_of(given, folder)


def test_a_name_with_dots_makes_a_name_that_python_takes(folder: Path):
    write_project(Sample("2024.rents", "delta:2024.rents", ROWS), folder / "other")
    assert read(folder / "other/shipworthy.toml").data[0].name == "data_2024"
