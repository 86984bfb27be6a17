"""A training reads what its contract declares and nothing else, and is made again where that is gone from its place."""

from __future__ import annotations

import shutil

import msgspec
import pytest

from shipworthy.contract.records import DataSource
from shipworthy.errors import TrainingFailed
from shipworthy.lineage.records import Run

READS = '''

def corrected(flights: pa.Table, {takes}parameters: dict, seed: int):
    """Moved by a table that somebody keeps beside the project."""
    {line}
    return Line(flights, moved=float({moved}))
'''


def test_a_lookup_file_that_nobody_declared_is_named_and_once_declared_it_may_go_with_all_other_data(project, tmp_path):
    """First with its path and the line that opened it; then declared as told, and made again without any file left."""
    lookup = project.folder.parent / "correction.csv"  # where no snapshot of the project's code would find it
    lookup.write_text("minutes\n4.0\n")
    recipes = project.folder / "recipes.py"
    planted, line = recipes.read_text(), f"moved = open({str(lookup)!r}).read().split()[1]"
    recipes.write_text(planted + READS.format(takes="", line=line, moved="moved"))
    number = 1 + recipes.read_text().splitlines().index(f"    {line}")
    with pytest.raises(TrainingFailed) as caught:
        project.train(project.contract("corrected"))
    said = str(caught.value)
    assert f"the training read what the contract does not declare: {lookup}\n  recipes.py, line {number}, in" in said
    assert line in said
    assert "add [data.correction] with source = " in said
    assert project.state.ledger.entries("run") == []

    recipes.write_text(planted + READS.format(takes="correction, ", line="pass", moved='correction["minutes"][0]'))
    contract = project.contract("corrected")
    declared = DataSource(name="correction", kind="file", location="../correction.csv")
    entry = project.train(msgspec.structs.replace(contract, data=(*contract.data, declared)))
    lookup.unlink()
    shutil.rmtree(project.folder / "data")
    assert {pin.name for pin in entry.decode(Run).data} == {"flights", "correction"}
    assert project.rebuild(entry).rung == "bit-identical"
