"""`watch --log` and `report` at the command line."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
from cli.test_wrong_use import CONTRACT
from replay.logs import log

from shipworthy.replay.records import VERSION


def test_a_log_is_replayed_reported_and_compared(user, here):
    pq.write_table(log(), user.folder / "log.parquet")
    options = ("watch", "--log", "log.parquet", "--reference", "45d", "--label", "churned")
    said = here(*options, "--compare", "psi", "--report", "year.html").out
    assert "the world differs from the reference" in said
    assert "PSI > 0.2 in any column: would have paged" in said
    assert "this one 1, " in said
    assert "the report is year.html" in said
    assert "<svg" in (user.folder / "year.html").read_text(encoding="utf-8")
    found = json.loads(here(*options, "--json").out)
    assert (found["version"], len(found["alarms"])) == (VERSION, 1)


def test_mistakes_are_named_before_anything_is_read(user, here):
    assert "ends in .html" in here("watch", "--log", "absent", "--report", "log.parquet", code=2).err
    assert "expected --log with these options" in here("watch", "--score", "p", code=2).err


def test_a_report_of_a_model_that_nobody_asked_yet_says_so(user, here):
    user.write("shipworthy.toml", CONTRACT)
    assert "none has closed yet" in here("report", "r.html", code=2).err
    assert "--since yesterday: expected a day" in here("report", "r.html", "--since", "yesterday", code=2).err
    assert "ends in .html" in here("report", "r.txt", code=2).err
