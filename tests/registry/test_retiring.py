"""A release is ended for good: signed, never while an alias names it, and never to come back."""

import msgspec
import pytest

from shipworthy.errors import NotFound, Refused, Tampered, WrongUse
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import Retirement
from shipworthy.registry.retirements import retired, retirement_of
from shipworthy.registry.retiring import Wish, retire, verified
from shipworthy.store.ledger import Ledger
from shipworthy.training.retention import held

MODEL = "flight-delay"


@pytest.fixture
def three(make_release, ledger):
    """Three releases: 3 is live, 2 previous."""
    for seed in (1, 2, 3):
        make_release(seed=seed, version=seed)
        Aliases(ledger).promote(MODEL, seed, because="released", by="ann")


@pytest.mark.usefixtures("three")
def test_neither_the_live_nor_the_previous_release_is_retired(ledger, key):
    for number, alias in ((3, "live"), (2, "previous")):
        with pytest.raises(Refused, match=f"is {alias} and is not retired"):
            retire(ledger, Wish(MODEL, number, "old", "ann"), key)
    assert retired(ledger) == frozenset()


@pytest.mark.usefixtures("three")
def test_a_retired_release_cannot_be_made_live_and_holds_its_data_no_more(ledger, key, trusted):
    assert {each.pin.version for each in held(ledger)} == {1, 2, 3}
    entry = retire(ledger, Wish(MODEL, 1, "nobody asks for it", "ann"), key)
    assert {each.pin.version for each in held(ledger)} == {2, 3}
    assert verified(ledger, entry, trusted).because == "nobody asks for it"
    with pytest.raises(Refused, match=r"flight-delay@1 was retired by ann \(nobody asks for it\) and cannot be live"):
        Aliases(ledger).promote(MODEL, 1, because="again", by="bob")
    assert Aliases(ledger).current(MODEL, "live") == 3
    with pytest.raises(WrongUse, match="is retired already"):
        retire(ledger, Wish(MODEL, 1, "twice", "ann"), key)
    assert retirement_of(ledger, MODEL, 2) is None


@pytest.mark.usefixtures("three")
def test_a_retirement_without_a_release_or_a_reason_is_refused(ledger, key):
    with pytest.raises(NotFound, match="no release 9"):
        retire(ledger, Wish(MODEL, 9, "old", "ann"), key)
    with pytest.raises(WrongUse, match="because is empty"):
        retire(ledger, Wish(MODEL, 1, " ", "ann"), key)


@pytest.mark.usefixtures("three")
def test_a_retirement_that_says_something_else_than_was_signed_is_told(layout, ledger, key, trusted):
    entry = retire(ledger, Wish(MODEL, 1, "old", "ann"), key)
    said = msgspec.structs.replace(entry.decode(Retirement), by="bob", number=1)
    other = Ledger(layout.ledger_url)
    forged = other.append("retirement", MODEL, said, subject=entry.subject)
    other.close()
    with pytest.raises(Tampered, match="something else than what bob signed"):
        verified(ledger, forged, trusted)
