"""A role that works says so, one that ends in order says that, and silence is neither."""

from shipworthy.store.beats import LASTS, beat, beats


def test_who_works_gives_signs_and_who_does_not_is_silent(ledger):
    beat(ledger, "m", "watch", "runs", now=1_000)
    beat(ledger, "m", "watch", "runs", now=2_000)
    beat(ledger, "m", "record", "ended", now=1_000)
    beat(ledger, "another", "watch", "once", now=5)
    found = beats(ledger, "m")
    assert {role: (one.at, one.how) for role, one in found.items()} == {
        "watch": (2_000, "runs"),
        "record": (1_000, "ended"),
    }
    assert not found["watch"].silent(2_000 + LASTS)
    assert found["watch"].silent(2_001 + LASTS)
    assert not found["record"].silent(2**62)
    assert "process" in found["watch"].where


def test_a_model_whose_name_begins_like_another_is_another(ledger):
    beat(ledger, "m_1", "watch", "runs")
    beat(ledger, "mx1", "refresh", "runs")
    assert set(beats(ledger, "m_1")) == {"watch"}
