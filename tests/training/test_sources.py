"""Sources: read, pinned, and read again from the pin, or gone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
import s3
from deltalake import DeltaTable, write_deltalake

from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, Undecided, WrongUse
from shipworthy.store.objects import Objects
from shipworthy.training.content import content_digest
from shipworthy.training.sources import read, reread, same

ROWS = pa.table({"x": [1, 2, 3], "s": ["a", None, "c"]})
MORE = pa.table({"x": [4], "s": ["d"]})


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def file_source(location: str) -> DataSource:
    return DataSource(name="rows", kind="file", location=location)


def delta_source(**more) -> DataSource:
    return DataSource(name="rows", kind="delta", location="table", **more)


def test_a_file_that_changes_is_read_again_as_it_was(tmp_path, objects):
    pq.write_table(ROWS, tmp_path / "rows.parquet")
    found = read(file_source("rows.parquet"), tmp_path, objects)
    assert found.rows.equals(ROWS)
    assert found.pin.columns == {"x": "int64", "s": "string"}
    (tmp_path / "rows.parquet").unlink()
    assert reread(found.pin, tmp_path, objects).equals(ROWS)


def test_a_folder_is_read_in_the_order_of_names_without_marks(tmp_path, objects):
    folder = tmp_path / "rows"
    (folder / "sub").mkdir(parents=True)
    csv.write_csv(MORE, folder / "sub" / "b.csv")
    pq.write_table(ROWS, folder / "a.parquet")
    (folder / "c.csv.gz").write_bytes(gzip.compress(b"x,s\n5,\n"))
    (folder / "_SUCCESS").touch()
    (folder / "_part.csv").touch()
    (folder / "README.md").touch()
    found = read(file_source("rows"), tmp_path, objects)
    assert found.rows["x"].to_pylist() == [1, 2, 3, 5, 4]
    assert [file.path for file in found.pin.snapshot] == ["a.parquet", "c.csv.gz", "sub/b.csv"]
    assert found.rows["s"].to_pylist() == ["a", None, "c", None, "d"]


@pytest.mark.parametrize(
    ("content", "name", "error", "said"),
    [
        (None, "rows.csv", NotFound, "does not exist"),
        (b"x,s\n1,2,3\n", "rows.csv", WrongUse, "rows.csv cannot be read"),
        (b"not parquet", "rows.parquet", WrongUse, "rows.parquet cannot be read"),
        (b"", "rows.xlsx", WrongUse, "no kind that can be read"),
    ],
)
def test_files_that_cannot_be_read_are_told(tmp_path, objects, content, name, error, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        read(file_source(name), tmp_path, objects)


def test_files_of_different_columns_are_told(tmp_path, objects):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("x\n1\n")
    (tmp_path / "rows" / "b.csv").write_text("x\nword\n")
    with pytest.raises(WrongUse, match="do not have the same columns"):
        read(file_source("rows"), tmp_path, objects)


def test_a_table_is_pinned_to_its_newest_version_and_stays_there(tmp_path, objects):
    write_deltalake(tmp_path / "table", ROWS)
    first = read(delta_source(), tmp_path, objects)
    assert (first.pin.version, first.pin.rows, first.pin.snapshot) == (0, 3, ())
    write_deltalake(tmp_path / "table", MORE, mode="append")
    second = read(delta_source(), tmp_path, objects)
    assert (second.pin.version, second.pin.rows, second.pin.table) == (1, 4, first.pin.table)
    assert second.pin.digest != first.pin.digest
    assert reread(first.pin, tmp_path, objects).equals(ROWS)
    assert read(delta_source(version=0), tmp_path, objects).pin == first.pin


def test_partitions_and_columns_added_later_are_there(tmp_path, objects):
    where = tmp_path / "table"
    write_deltalake(where, ROWS.append_column("p", pa.array(["A B", "C/D", None])), partition_by=["p"])
    write_deltalake(where, MORE.append_column("p", pa.array(["A B"])).append_column("n", pa.array([1.5])),
                    mode="append", schema_mode="merge")  # fmt: skip
    rows = read(delta_source(), tmp_path, objects).rows.sort_by("x")
    assert rows["p"].to_pylist() == ["A B", "C/D", None, "A B"]
    assert rows["n"].to_pylist() == [None, None, None, 1.5]


def test_rows_deleted_from_a_table_are_not_read(tmp_path, objects):
    write_deltalake(tmp_path / "table", ROWS)
    DeltaTable(tmp_path / "table").delete("x = 2")
    assert read(delta_source(), tmp_path, objects).rows["x"].to_pylist() == [1, 3]


def vacuumed(where: Path) -> None:
    write_deltalake(where, MORE, mode="overwrite")
    DeltaTable(where).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


def test_a_version_whose_files_are_gone_is_undecided_unless_it_was_kept(tmp_path, objects):
    write_deltalake(tmp_path / "table", ROWS)
    pinned = read(delta_source(), tmp_path, objects).pin
    kept = read(delta_source(keep=True), tmp_path, objects).pin
    vacuumed(tmp_path / "table")
    with pytest.raises(Undecided, match=r"could not decide: the data is gone.*version 0"):
        reread(pinned, tmp_path, objects)
    assert reread(kept, tmp_path, objects).equals(ROWS)
    assert kept.digest == pinned.digest


def test_another_table_in_its_place_is_undecided(tmp_path, objects):
    write_deltalake(tmp_path / "one" / "table", ROWS)
    write_deltalake(tmp_path / "two" / "table", MORE)
    write_deltalake(tmp_path / "three" / "table", ROWS.take([2, 0, 1]))
    pin = read(delta_source(), tmp_path / "one", objects).pin
    with pytest.raises(Undecided, match="other rows"):
        reread(pin, tmp_path / "two", objects)
    with pytest.raises(Undecided, match="no Delta table"):
        reread(pin, tmp_path, objects)
    # The rows are what counts: a log that was cleaned or copied does not take them away.
    assert content_digest(reread(pin, tmp_path / "three", objects)) == pin.content_digest


def test_a_table_that_is_not_there_is_told(tmp_path, objects):
    with pytest.raises(NotFound, match=r"no Delta table: expected what holds a _delta_log.*its new place"):
        read(delta_source(), tmp_path, objects)
    write_deltalake(tmp_path / "table", ROWS)
    with pytest.raises(NotFound, match=r"no version 9 that can be read \(the newest is 0\)"):
        read(delta_source(version=9), tmp_path, objects)


def with_protocol(where: Path, protocol: dict, configuration: dict) -> None:
    """Rewrite the table's first log entry as another writer would have written it."""
    entry = where / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in entry.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = protocol
        if "metaData" in action and configuration:
            action["metaData"]["configuration"] = configuration
            schema = json.loads(action["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"]):
                field["metadata"] = {
                    "delta.columnMapping.id": number,
                    "delta.columnMapping.physicalName": field["name"],
                }
            action["metaData"]["schemaString"] = json.dumps(schema)
    entry.write_text("\n".join(map(json.dumps, actions)) + "\n")


def features(*names: str) -> dict:
    return {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names}


@pytest.mark.parametrize(
    ("protocol", "configuration", "error", "said"),
    [
        (features("deletionVectors"), {}, WrongUse, "uses deletionVectors, which is not read here; rewrite it"),
        (features("columnMapping"), {"delta.columnMapping.mode": "name"}, WrongUse, "uses columnMapping"),
        (
            {"minReaderVersion": 2, "minWriterVersion": 5},
            {"delta.columnMapping.mode": "id"},
            WrongUse,
            "uses columnMapping",
        ),
        (features("notInventedYet"), {}, NotFound, "cannot be read: .*notInventedYet"),
    ],
)
def test_a_table_that_would_be_read_wrongly_is_refused(tmp_path, objects, protocol, configuration, error, said):
    write_deltalake(tmp_path / "table", ROWS)
    with_protocol(tmp_path / "table", protocol, configuration)
    with pytest.raises(error, match=said):
        read(delta_source(), tmp_path, objects)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A table in a bucket, and the key to it."""
    write_deltalake(tmp_path / "bucket" / "data" / "table", ROWS)
    write_deltalake(tmp_path / "bucket" / "data" / "table", MORE, mode="append")
    with s3.server(tmp_path / "bucket", "the-key") as endpoint:
        for name, value in {
            "ENDPOINT_URL": endpoint,
            "ALLOW_HTTP": "true",
            "REGION": "us-east-1",
            "ACCESS_KEY_ID": "the-key",
            "SECRET_ACCESS_KEY": "of no interest",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield tmp_path / "bucket"


def test_a_table_in_an_object_store_is_read_like_one_in_a_folder(tmp_path, objects, bucket):
    far = DataSource(name="rows", kind="delta", location=f"s3://{s3.BUCKET}/data/table")
    near = DataSource(name="rows", kind="delta", location="bucket/data/table")
    found = read(far, tmp_path, objects)
    assert found.rows.equals(read(near, tmp_path, objects).rows)
    assert found.pin.digest == read(near, tmp_path, objects).pin.digest
    assert read(msgspec.structs.replace(far, version=0), tmp_path, objects).rows.equals(ROWS)
    assert reread(found.pin, tmp_path / "elsewhere", objects).equals(found.rows)


def test_an_object_store_that_refuses_is_undecided_and_an_unknown_one_wrong(tmp_path, objects, bucket, monkeypatch):
    far = DataSource(name="rows", kind="delta", location=f"s3://{s3.BUCKET}/data/table")
    pin = read(far, tmp_path, objects).pin
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    for attempt in (lambda: read(far, tmp_path, objects), lambda: reread(pin, tmp_path, objects)):
        with pytest.raises(Undecided, match=r"s3://warehouse/data/table cannot be reached: .*403 Forbidden") as error:
            attempt()
        assert "\x1b" not in str(error.value)
    for url in ("ftp://host/table", "hdfs://host/table", "https://host/table"):
        with pytest.raises(WrongUse, match="read from a folder, s3://, gs:// or az://, not from"):
            read(DataSource(name="rows", kind="delta", location=url), tmp_path, objects)


def test_pins_of_the_same_rows_are_the_same_however_the_table_keeps_them(tmp_path, objects):
    write_deltalake(tmp_path / "table", ROWS)
    write_deltalake(tmp_path / "table", MORE, mode="append")
    pin = read(delta_source(), tmp_path, objects).pin
    DeltaTable(tmp_path / "table").optimize.compact()
    compacted = read(delta_source(), tmp_path, objects).pin
    assert compacted.digest != pin.digest
    assert same(compacted, pin)
    write_deltalake(tmp_path / "table", MORE, mode="append")
    assert not same(read(delta_source(), tmp_path, objects).pin, pin)
    pq.write_table(ROWS, tmp_path / "a.parquet")
    pq.write_table(ROWS.take([2, 1, 0]), tmp_path / "b.parquet")
    assert not same(
        read(file_source("a.parquet"), tmp_path, objects).pin, read(file_source("b.parquet"), tmp_path, objects).pin
    )
