"""`vacuum` says what would go, removes it when told to, and explains what it cannot do."""

from __future__ import annotations

import json

import pyarrow as pa
from cli.test_wrong_use import CONTRACT
from deltalake import DeltaTable, write_deltalake


def a_table(user, versions: int):
    """A table of the contract's customers that keeps nothing old by itself."""
    where = user.folder / "data" / "customers"
    for number in range(versions):
        rows = pa.table({"age": [float(number)], "left": [True]})
        kept = {"delta.deletedFileRetentionDuration": "interval 0 hours"}
        write_deltalake(where, rows, mode="overwrite", configuration=kept)
    return where


def test_nothing_is_removed_unless_it_is_asked_for(user, here):
    where = a_table(user, 3)
    user.write("shipworthy.toml", CONTRACT.replace("file:customers.parquet", "delta:data/customers"))
    said = here("vacuum").out
    assert "2 files" in said
    assert "would go" in said
    assert "Nothing was removed: `shipworthy vacuum --apply` does it." in said
    planned = json.loads(here("vacuum", "--json").out)
    assert (planned["applied"], planned["tables"][0]["files"], planned["cache"]) == (False, 2, None)
    assert len(list(where.glob("*.parquet"))) == 3
    assert "removed" in here("vacuum", "--apply").out
    assert len(list(where.glob("*.parquet"))) == 1
    assert DeltaTable(where).count() == 1


def test_what_cannot_be_vacuumed_is_told(user, here):
    user.write("shipworthy.toml", CONTRACT)
    assert "names no delta: or dvc: source" in here("vacuum", code=2).err
    user.write("shipworthy.toml", CONTRACT.replace("file:customers.parquet", "delta:data/customers"))
    assert "is no Delta table" in here("vacuum", code=2).err
    a_table(user, 1)
    assert "--older-than soon: expected a length of time" in here("vacuum", "--older-than", "soon", code=2).err
    user.write("shipworthy.toml", CONTRACT.replace("file:customers.parquet", "dvc:data/customers.csv"))
    assert "lies in no DVC repository" in here("vacuum", code=2).err
