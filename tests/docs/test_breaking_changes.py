"""docs/how-to/change-a-contract.md: what it says breaks callers does, and the rest does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.documents import DOCS, ROOT, edited

from shipworthy.contract.comparison import breaking
from shipworthy.contract.reading import read

PAGE = (DOCS / "how-to" / "change-a-contract.md").read_text(encoding="utf-8")
CONTRACT = (ROOT / "examples" / "diabetes" / "shipworthy.toml").read_text(encoding="utf-8")
AGE = 'age = { type = "float", min = 0, max = 120, unit = "years"'
SEX = 'sex = { type = "category", values = ["1", "2"'

# What the page's table says -> a change of that kind, and whether it breaks.
CHANGES = {
    "or has another unit": ("[features]", AGE.replace("years", "months") + " }", True),
    "has another type": ("[features]", 'age = { type = "integer", min = 0, max = 120, unit = "years" }', True),
    "neither nullable nor has a default": ("[features]", 'pulse = { type = "float" }', True),
    "is nullable or has a default": ("[features]", 'pulse = { type = "float", nullable = true }', False),
    "a narrower range": ("[features]", AGE.replace("120", "100") + " }", True),
    "where values outside are refused": ("[features]", AGE.replace("120", "100") + ', on_violation = "flag" }', False),
    "a category fewer": ("[features]", 'sex = { type = "category", values = ["1"], unknown = "refuse" }', True),
    "a wider range": ("[features]", AGE.replace("120", "130") + " }", False),
    "a category more": ("[features]", SEX + ', "3"], unknown = "refuse" }', False),
    "flagged or replaced, and now is refused": (
        "[features]",
        'blood_sugar = { type = "float", min = 0, max = 600, unit = "mg/dl" }',
        True,
    ),
    "another task, target or name": ("[model]", 'name = "another"', True),
    "a weaker `p99_ms`": ("[serving]", "p99_ms = 30", True),
    "a stronger one": ("[serving]", "p99_ms = 10", False),
    "a new or shorter `deadline_ms`": ("[serving]", "deadline_ms = 50", True),
    "`[monitoring]`": ("[monitoring]", "drift = 0.2", False),
    "`[parameters]`": ("[parameters]", "alpha = 2.0", False),
}


@pytest.mark.parametrize("said", CHANGES)
def test_the_table_is_right(said: str, tmp_path: Path):
    section, line, breaks = CHANGES[said]
    assert said in PAGE
    contracts = []
    for text in (CONTRACT, edited(CONTRACT, f"{section}\n{line}\n")):
        (tmp_path / "shipworthy.toml").write_text(text, encoding="utf-8")
        contracts.append(read(tmp_path / "shipworthy.toml"))
    assert bool(breaking(*contracts)) == breaks
