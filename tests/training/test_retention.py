"""Retention: old data goes, and what released models were built from can still be read and rebuilt."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from shipworthy.clock import HOUR
from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, Refused, Undecided, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.registry.records import Release
from shipworthy.training import retention
from shipworthy.training.rebuild import rebuild
from shipworthy.training.retention import Held, held, vacuum
from shipworthy.training.sources import read, reread

NO_RETENTION = {"delta.deletedFileRetentionDuration": "interval 0 hours"}


def write(where: Path, *values: int) -> None:
    write_deltalake(where, pa.table({"x": list(values)}), mode="overwrite", configuration=NO_RETENTION)


def pin_of(folder: Path, version: int, objects=None, *, keep: bool = False):
    source = DataSource(name="rows", kind="delta", location="table", version=version, keep=keep)
    return read(source, folder, objects).pin


@pytest.fixture
def table(tmp_path):
    """Five versions, each with one file that the next one replaces."""
    for number in range(5):
        write(tmp_path / "table", number, number)
    return str(tmp_path / "table")


def test_only_what_is_held_stays_beside_the_newest(tmp_path, table):
    pins = [pin_of(tmp_path, version) for version in range(5)]
    holding = [Held(pins[1], ("late@1",)), Held(pins[3], ("late@2", "other@1"))]
    planned = vacuum(table, holding, older_than=None, apply=False)
    assert (planned.newest, planned.files) == (4, 2)
    assert planned.bytes > 0
    assert [reread(pin, tmp_path, None)["x"][0].as_py() for pin in pins] == [0, 1, 2, 3, 4]
    done = vacuum(table, holding, older_than=None, apply=True)
    assert (done.files, done.bytes) == (planned.files, planned.bytes)
    assert [(kept.version, kept.builders, kept.readable) for kept in done.kept] == [
        (1, ("late@1",), True),
        (3, ("late@2", "other@1"), True),
    ]
    for version, pin in enumerate(pins):
        if version in (1, 3, 4):
            assert reread(pin, tmp_path, None)["x"][0].as_py() == version
        else:
            with pytest.raises(Undecided, match="the data is gone"):
                reread(pin, tmp_path, None)
    assert vacuum(table, holding, older_than=None, apply=True).files == 0


def test_a_file_shared_by_a_held_version_stays(tmp_path):
    where = tmp_path / "table"
    write(where, 1)
    write_deltalake(where, pa.table({"x": [2]}), mode="append")
    pin = pin_of(tmp_path, 0)
    write(where, 3)
    assert vacuum(str(where), [Held(pin, ("late@1",))], older_than=None, apply=True).files == 1
    assert reread(pin, tmp_path, None)["x"].to_pylist() == [1]


def test_partitions_whose_names_are_escaped_are_held_too(tmp_path):
    where = tmp_path / "table"
    rows = pa.table({"x": [1, 2], "p": ["A B/%", "ü"]})
    for mode in ("error", "overwrite", "overwrite"):
        write_deltalake(where, rows, mode=mode, partition_by=["p"], configuration=NO_RETENTION)
    pin = pin_of(tmp_path, 0)
    assert vacuum(str(where), [Held(pin, ("late@1",))], older_than=None, apply=True).files == 2
    assert reread(pin, tmp_path, None).num_rows == 2


def test_versions_that_were_gone_before_are_told(tmp_path, table):
    pins = [pin_of(tmp_path, version) for version in range(5)]
    DeltaTable(table).vacuum(dry_run=False, keep_versions=[2])
    write(Path(table), 9)
    DeltaTable(table).create_checkpoint()
    (Path(table) / "_delta_log" / f"{0:020d}.json").unlink()
    holding = [Held(pins[version], (f"late@{version}",)) for version in (0, 1, 2)]
    found = vacuum(table, holding, older_than=None, apply=True)
    assert {kept.version: kept.readable for kept in found.kept} == {0: False, 1: False, 2: False}


def test_pins_of_another_table_hold_nothing_here(tmp_path, table):
    pin = msgspec.structs.replace(pin_of(tmp_path, 1), table="another")
    assert vacuum(table, [Held(pin, ("late@1",))], older_than=None, apply=False).files == 4


def test_a_shorter_age_than_the_tables_own_is_refused(tmp_path):
    write_deltalake(tmp_path / "table", pa.table({"x": [1]}))
    with pytest.raises(WrongUse, match=r"cannot be vacuumed: .*deletedFileRetentionDuration"):
        vacuum(str(tmp_path / "table"), [], older_than=HOUR, apply=True)
    assert vacuum(str(tmp_path / "table"), [], older_than=200 * HOUR, apply=True).files == 0
    with pytest.raises(NotFound, match="no Delta table"):
        vacuum(str(tmp_path / "nowhere"), [], older_than=None, apply=True)


def test_nothing_is_removed_if_the_library_would_not_keep_what_it_was_told_to(tmp_path, table, monkeypatch):
    """As a version of deltalake that did not know `keep_versions`."""
    pin = pin_of(tmp_path, 1)
    whole = DeltaTable.vacuum

    def ignorant(table, *, keep_versions, **more):
        return whole(table, **more)

    monkeypatch.setattr(DeltaTable, "vacuum", ignorant)
    with pytest.raises(Refused, match=r"would remove part-.* of version 1, which late@1 was built from; nothing was"):
        vacuum(table, [Held(pin, ("late@1",))], older_than=None, apply=True)
    assert reread(pin, tmp_path, None)["x"].to_pylist() == [1, 1]


def as_delta(project, *, keep: bool):
    """The project's flights as a Delta table, and the contract that names it."""
    flights = pq.read_table(project.folder / "data" / "flights.parquet")
    where = project.folder / "data" / "table"
    write_deltalake(where, flights, mode="overwrite", configuration=NO_RETENTION)
    source = DataSource(name="flights", kind="delta", location="data/table", target="late", time="day", keep=keep)
    return where, project.contract("logistic", data=(source,))


def released(project, entry) -> None:
    fields = {"version": 1, "model": "late", "number": 1, "run": entry.id, "rebuild": None, "proven": False}
    digests = {"contract": "", "reference": "", "statement": "", "key": ""}
    release = Release(**fields, **digests, verdicts=(), files=(), at=1)
    project.state.ledger.append("release", "late", release, subject=entry.id, key="1")


def test_a_release_is_rebuilt_after_vacuum_and_a_copied_one_after_anything(project):
    _, copied = as_delta(project, keep=True)
    with_copy = project.train(copied)
    where, contract = as_delta(project, keep=False)
    entry = project.train(contract)
    released(project, entry)
    as_delta(project, keep=False)
    (holding,) = held(project.state.ledger)
    assert (holding.pin.version, holding.builders) == (entry.decode(Run).data[0].version, ("late@1",))
    assert vacuum(str(where), [holding], older_than=None, apply=True).files == 1
    assert rebuild(entry, project.state).decode(Rebuild).rung == "bit-identical"
    shutil.rmtree(where)
    assert rebuild(with_copy, project.state).decode(Rebuild).rung == "bit-identical"
    with pytest.raises(Undecided, match="could not decide: the data is gone"):
        rebuild(entry, project.state)


def test_the_newest_run_of_every_model_is_held_under_its_own_id():
    def entry(kind, id_, model, record):
        return SimpleNamespace(kind=kind, id=id_, model=model, decode=lambda _: record)

    def run(*versions):
        pins = [SimpleNamespace(kind="delta", table="t", version=v, commit=None, md5=None, location="d", snapshot=())
                for v in versions]  # fmt: skip
        return SimpleNamespace(data=pins)

    runs = [entry("run", "run-3", "late", run(3)), entry("run", "run-2", "late", run(2)),
            entry("run", "run-1", "early", run(1)), entry("run", "run-0", "late", run(1, 0))]  # fmt: skip
    releases = [entry("release", "", "late", SimpleNamespace(run="run-0", model="late", number=7))]
    recorded = {"run": runs, "release": releases, "retirement": []}
    ledger = SimpleNamespace(entries=lambda kind, _model=None: recorded[kind])
    assert {each.pin.version: each.builders for each in retention.held(ledger)} == {
        1: ("late@7", "run-1"),
        0: ("late@7",),
        3: ("run-3",),
    }
