"""README.md: short, with a place for the demo, and a contract that can be read."""

from __future__ import annotations

from pathlib import Path

from docs.documents import ROOT, blocks, edited

from shipworthy.contract.reading import read

README = ROOT / "README.md"
CONTRACT = ROOT / "examples" / "diabetes" / "shipworthy.toml"


def test_it_is_short_and_leaves_a_place_for_the_demo():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert text.index("<!-- demo -->") < text.index("<!-- /demo -->")


def test_its_contract_is_one(tmp_path: Path):
    fragments = [block.text for block in blocks(README) if block.language == "toml"]
    assert fragments
    for fragment in fragments:
        (tmp_path / "shipworthy.toml").write_text(
            edited(CONTRACT.read_text(encoding="utf-8"), fragment), encoding="utf-8"
        )
        assert read(tmp_path / "shipworthy.toml").serving.rate == 500
