"""docs/reference/contract.md: every key of the contract stands there, with its true default, and no other key."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shipworthy import clock
from shipworthy.contract import schema
from shipworthy.contract.rules import duration, size
from shipworthy.contract.toml import written

PAGE = (Path(__file__).parents[2] / "docs/reference/contract.md").read_text(encoding="utf-8")
TABLES = {
    **schema.TABLES,
    "data.NAME": schema.DATA_SOURCE,
    "features": schema.FEATURE,
    "gate.rebuild": schema.REBUILD,
    "gate.skew": schema.SKEW,
}
SIZES = [f"{number}{unit}" for unit in ("MB", "GB", "TB") for number in (1, 2, 5, 10, 20, 50, 100, 200, 500)]
# Written in another way in the file than kept in the records: source stands for kind, location, version and revision.
RENAMED = {"kind", "location", "version", "revision"}


def rows(name: str) -> dict[str, list[str]]:
    """The first table of a section: key -> its cells."""
    section = re.split(r"^## ", PAGE.split(f"\n## [{name}]", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = section[section.index("| key |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return {found[0].strip("` "): found for found in cells}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_explained_and_none_that_does_not_exist(name):
    assert list(rows(name)) == [*_in_record_order(TABLES[name])]
    assert all(len(cells) == 4 and cells[3] for cells in rows(name).values())


@pytest.mark.parametrize("name", TABLES)
def test_the_defaults_are_those_of_the_records(name):
    table = TABLES[name]
    for field in msgspec.structs.fields(table.record):
        if field.name in table.rules and (name, field.name) != ("gate", "metric"):
            assert rows(name)[field.name][2] == _shown(field, table), f"{name}.{field.name}"


@pytest.mark.parametrize("name", TABLES)
def test_what_is_required_is_what_the_records_cannot_do_without(name):
    table = TABLES[name]
    needed = {field.name for field in msgspec.structs.fields(table.record) if field.default is msgspec.NODEFAULT}
    needed = {key for key in needed if key in table.rules} | ({"source"} if "source" in table.rules else set())
    assert set(table.required) == needed
    assert {key for key, cells in rows(name).items() if not cells[2]} == needed


def test_every_field_of_the_records_can_be_written():
    for name, table in TABLES.items():
        fields = {field.name for field in msgspec.structs.fields(table.record)}
        own = {"name"} if name in ("data.NAME", "features") else set()
        renamed = RENAMED if "source" in table.rules else set()
        assert fields - own - renamed == (set(table.rules) | set(table.tables)) - {"source"}, name


def test_every_metric_belongs_to_a_task():
    found = [metric for metrics in schema.METRICS.values() for metric in metrics]
    assert sorted(found) == sorted(schema.records.Metric.__args__)


def _in_record_order(table: schema.Table) -> list[str]:
    order = [field.name for field in msgspec.structs.fields(table.record)]
    keys = [*table.rules, *table.tables]
    return sorted(keys, key=lambda key: order.index(key) if key in order else -1)


def _shown(field: msgspec.structs.FieldInfo, table: schema.Table) -> str:
    default: Any = field.default
    if default is msgspec.NODEFAULT:
        return ""
    if default is None:
        return "–"
    if table.rules[field.name].expected == duration().expected:
        default = clock.spoken(default)
    if table.rules[field.name].expected == size().expected:
        default = next(text for text in SIZES if size().take(text) == default)
    return f"`{written(default)}`"
