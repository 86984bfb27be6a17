"""A waiver is what a person signed, for a time, and nothing else."""

import msgspec
import pytest

from shipworthy.clock import DAY
from shipworthy.errors import Tampered, WrongUse
from shipworthy.gate.waivers import Wish, waivers, write_waiver
from shipworthy.registry.records import Waiver
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import read_trusted, trusted_folder

WISH = Wish("m", "quality", 10 * DAY, "holidays", "ann")


@pytest.fixture
def key(tmp_path):
    return signing_key(tmp_path / "configuration")


@pytest.fixture
def trusted(key, tmp_path):
    return read_trusted(trusted_folder(tmp_path / "configuration"))


def test_a_waiver_stands_until_its_time_and_is_expired_from_then_on(ledger, key, trusted):
    written = write_waiver(ledger, WISH, key, at=0).decode(Waiver)
    assert waivers(ledger, "m", trusted, now=10 * DAY - 1).standing == {"quality": written}
    late = waivers(ledger, "m", trusted, now=10 * DAY)
    assert (late.standing, late.expired) == ({}, {"quality": written})


def test_a_waiver_is_for_one_model(ledger, key, trusted):
    write_waiver(ledger, WISH, key, at=0)
    assert waivers(ledger, "n", trusted, now=1).standing == {}


def test_the_newest_waiver_of_a_check_counts(ledger, key, trusted):
    write_waiver(ledger, WISH, key, at=0)
    write_waiver(ledger, msgspec.structs.replace(WISH, until=2 * DAY), key, at=DAY)
    assert waivers(ledger, "m", trusted, now=3 * DAY).standing == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": "qualty"}, "no check 'qualty'.*did you mean quality"),
        ({"until": 5}, "until = 1970-01-01.* has passed"),
        ({"because": "  "}, "because is empty"),
    ],
)
def test_a_senseless_waiver_is_refused_saying_why(ledger, key, changes, message):
    with pytest.raises(WrongUse, match=message):
        write_waiver(ledger, msgspec.structs.replace(WISH, **changes), key, at=DAY)
    assert ledger.entries("waiver") == []


@pytest.mark.parametrize("changes", [{"until": 99 * DAY}, {"check": "rebuild"}, {"because": "other"}, {"by": "bob"}])
def test_a_record_that_says_more_than_was_signed_is_told(ledger, key, trusted, changes):
    signed = write_waiver(ledger, WISH, key, at=0).decode(Waiver)
    ledger.append("waiver", "m", msgspec.structs.replace(signed, **changes))
    with pytest.raises(Tampered, match="says something else than what"):
        waivers(ledger, "m", trusted, now=1)


def test_a_waiver_signed_for_another_model_is_told(ledger, key, trusted):
    signed = write_waiver(ledger, WISH, key, at=0).decode(Waiver)
    ledger.append("waiver", "other", signed)
    with pytest.raises(Tampered):
        waivers(ledger, "other", trusted, now=1)


def test_a_waiver_signed_by_a_stranger_lets_nothing_pass_and_is_named(ledger, key, trusted, tmp_path):
    ours = write_waiver(ledger, WISH, key, at=0).decode(Waiver)
    theirs = write_waiver(
        ledger, msgspec.structs.replace(WISH, check="rebuild"), signing_key(tmp_path / "stranger"), at=0
    )
    held = waivers(ledger, "m", trusted, now=1)
    assert (held.standing, held.expired) == ({"quality": ours}, {})
    [named] = held.unknown
    assert theirs.id in named
    assert "whom nobody here trusts" in named
