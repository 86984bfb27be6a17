"""docs/reference/records.md: every kind of record and every field of it, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from docs.documents import DOCS

import shipworthy
from shipworthy.adoption.records import Adoption, Judged
from shipworthy.alerts.records import Silence, Standing, Turn
from shipworthy.lineage.records import CodeSnapshot, DataPin, Diagnosis, Environment, Equivalence, Rebuild, Run, Wheels
from shipworthy.monitoring.installation import Installation
from shipworthy.monitoring.records import (
    Alarm,
    Drill,
    Effect,
    Estimate,
    Loss,
    Moved,
    PayoffEvidence,
    Quality,
    SliceQuality,
    WindowEvidence,
)
from shipworthy.monitoring.skew import Skew
from shipworthy.monitoring.skew_evidence import SkewLook
from shipworthy.predictions import format as log
from shipworthy.recording.held import Missed
from shipworthy.recording.lagging import Noted
from shipworthy.recording.retention import Removal
from shipworthy.recording.service import Service
from shipworthy.refresh.records import Refresh, Trigger
from shipworthy.registry.records import (
    AliasChange,
    Attachment,
    Attested,
    LatencyVerdict,
    Rehearsal,
    Release,
    Retirement,
    Verdict,
    Waiver,
)
from shipworthy.store.tables import entries, metadata
from shipworthy.trackers.records import Tracked
from shipworthy.wiring.conditions import Condition

PAGE = (DOCS / "reference" / "records.md").read_text(encoding="utf-8")
KINDS = {
    "adoption": Adoption,
    "alarm": Alarm,
    "alert": Standing,
    "alert-turn": Turn,
    "alias": AliasChange,
    "attachment": Attachment,
    "condition": Condition,
    "drill": Drill,
    "evidence": WindowEvidence,
    "installation": Installation,
    "judged": Judged,
    "quality": Quality,
    "rebuild": Rebuild,
    "recorder": Noted,
    "refresh": Refresh,
    "refresh-begun": Trigger,
    "rehearsal": Rehearsal,
    "release": Release,
    "retention": Removal,
    "retirement": Retirement,
    "run": Run,
    "service": Service,
    "shadow": Noted,
    "shadow-missed": Missed,
    "silence": Silence,
    "skew": Skew,
    "skew-look": SkewLook,
    "tracked": Tracked,
    "verdict": Verdict,
    "waiver": Waiver,
    "statement": Attested,
    "wheels": Wheels,
}
PARTS = {
    "code": CodeSnapshot,
    "data": DataPin,
    "diagnosis": Diagnosis,
    "effect": Effect,
    "environment": Environment,
    "estimate": Estimate,
    "equivalence": Equivalence,
    "latency": LatencyVerdict,
    "loss": Loss,
    "moved": Moved,
    "payoff": PayoffEvidence,
    "slice": SliceQuality,
}
WITHOUT_A_STRUCT = {"refresh-asked"}


def section(title: str) -> str:
    return re.split(r"^##+ ", PAGE.split(f"\n### {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def fields(title: str) -> list[str]:
    """The names in the first column of a section's table."""
    rows = re.findall(r"^\| (`.*?) \| ", section(title), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def appended() -> Iterator[str]:
    """Kinds that some code puts into the ledger: `ledger.append("run", …)`, or by a KIND of the module."""
    for file in Path(shipworthy.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.search(r"ledger\.append(_once)?$", ast.unparse(node.func)):
                kind = node.args[0]
                yield constants[kind.id] if isinstance(kind, ast.Name) else ast.literal_eval(kind)


def test_every_kind_that_is_written_is_told_and_no_other():
    told = re.findall(r"^\| `([\w-]+)` \| .* \| .* \| .* \|$", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(set(appended()))
    assert set(told) == {*KINDS, *WITHOUT_A_STRUCT}


@pytest.mark.parametrize("title", {**KINDS, **PARTS})
def test_every_field_of_a_record_is_told_and_no_other(title: str):
    record = {**KINDS, **PARTS}[title]
    assert sorted(fields(title)) == sorted(field.name for field in msgspec.structs.fields(record))


def test_every_column_of_an_entry_is_told():
    told = PAGE.split("An entry has", 1)[1].split("Reading verifies")[0]
    assert set(re.findall(r"`(\w+)`", told)) == {column.name for column in entries.columns} - {"sequence"}


def test_every_table_of_the_ledger_is_told():
    missing = [name for name in metadata.tables if f"`{name}`" not in PAGE]
    assert not missing


def test_the_version_of_the_log_is_told():
    assert f"now {log.VERSION}:" in PAGE
    assert f'"{log.MAGIC.decode()}" | version u16' in PAGE
