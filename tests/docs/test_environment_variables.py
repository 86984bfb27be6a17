"""docs/reference/environment-variables.md: every variable that the code reads, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from docs.documents import DOCS

import shipworthy

NAME = re.compile(r"\bSHIPWORTHY_[A-Z_]+\b")


def test_every_variable_is_told_and_no_other():
    read = {
        name
        for file in Path(shipworthy.__file__).parent.rglob("*.py")
        for name in NAME.findall(file.read_text(encoding="utf-8"))
    }
    page = (DOCS / "reference" / "environment-variables.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(SHIPWORTHY_[A-Z_]+)` \|", page, re.MULTILINE)) == sorted(read)
    assert set(NAME.findall(page)) == read
