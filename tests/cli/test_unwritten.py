"""What is known to stand against a release is said before the training."""

from __future__ import annotations

import pyarrow as pa

from shipworthy.contract.proposal import proposal
from shipworthy.contract.study import study

SAMPLE = pa.table({"x": [float(row) for row in range(30)], "y": [row / 7 for row in range(30)]})


def test_ship_says_at_once_that_nobody_wrote_down_what_the_model_is_for(user, here):
    user.write("shipworthy.toml", proposal(study(SAMPLE, "y"), name="m", data="rows", source="file:rows.parquet"))
    said = here("ship", code=2).err  # there is no lock, so that it stops before it trains
    assert said.startswith("the check purpose will not pass: purpose.decision and purpose.owner still as")
    written = (user.folder / "shipworthy.toml").read_text().replace("not written down yet", "is written")
    user.write("shipworthy.toml", written)
    assert "the check purpose" not in here("ship", code=2).err


def test_ship_says_at_once_that_nobody_rehearsed_unless_a_person_answers_for_that(user, here):
    text = proposal(study(SAMPLE, "y"), name="m", data="rows", source="file:rows.parquet")
    user.write("shipworthy.toml", text.replace("not written down yet", "is written"))
    said = here("ship", code=2).err
    assert said.startswith("the check rehearsal will not pass: these [features] and [serving] were never rehearsed")
    here("waive", "rehearsal", "--until", "2099-01-01", "--because", "a spike")
    assert "rehearsal" not in here("ship", code=2).err
    user.write("shipworthy.toml", text.replace('enforcement = "block"', 'enforcement = "warn"'))
    assert "will not pass" not in here("ship", code=2).err
