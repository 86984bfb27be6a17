"""Who is live is a history of changes, and two who change it at once cannot both succeed."""

import threading

import pytest

from shipworthy.errors import InUse, NotFound, Refused
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import AliasChange
from shipworthy.store.ledger import Ledger

MODEL = "flight-delay"


@pytest.fixture
def aliases(ledger, make_release):
    for seed in (1, 2, 3):
        make_release(seed=seed)
    return Aliases(ledger)


def promote(aliases, number):
    aliases.promote(MODEL, number, because="released", by="ann")


def standing(aliases):
    return aliases.current(MODEL, "live"), aliases.current(MODEL, "previous")


def test_before_any_release_nobody_is_live(aliases):
    assert standing(aliases) == (None, None)


def test_whoever_becomes_live_makes_the_last_one_previous(aliases):
    promote(aliases, 1)
    assert standing(aliases) == (1, None)
    promote(aliases, 2)
    assert standing(aliases) == (2, 1)
    promote(aliases, 3)
    assert standing(aliases) == (3, 2)


def test_the_history_says_who_why_and_what_was_before(aliases):
    promote(aliases, 1)
    promote(aliases, 2)
    assert [entry.decode(AliasChange) for entry in aliases.history(MODEL)] == [
        AliasChange("live", 2, 1, "released", "ann"),
        AliasChange("live", 1, None, "released", "ann"),
    ]


def test_making_the_live_release_live_changes_nothing(aliases):
    promote(aliases, 1)
    promote(aliases, 1)
    assert len(aliases.history(MODEL)) == 1
    assert standing(aliases) == (1, None)


def test_rolling_back_swaps_and_doing_it_twice_comes_back(aliases):
    promote(aliases, 1)
    promote(aliases, 2)
    assert aliases.rollback(MODEL, because="worse", by="bob") == 1
    assert standing(aliases) == (1, 2)
    assert aliases.rollback(MODEL, because="it was not", by="bob") == 2
    assert standing(aliases) == (2, 1)


def test_there_is_no_going_back_from_the_first(aliases):
    promote(aliases, 1)
    with pytest.raises(Refused, match="no previous release"):
        aliases.rollback(MODEL, because="worse", by="bob")
    assert standing(aliases) == (1, None)


def test_what_is_not_released_cannot_be_live(aliases):
    with pytest.raises(NotFound, match="no release 9; nothing was changed"):
        promote(aliases, 9)


def test_models_have_aliases_of_their_own(aliases):
    promote(aliases, 1)
    assert aliases.current("other", "live") is None


def test_of_two_changes_made_from_one_view_the_second_is_refused_whole(aliases, ledger, monkeypatch):
    """Both halves or none: a change that loses `previous` must not keep `live` either."""
    promote(aliases, 1)
    view = aliases._newest
    stale = {alias: view(MODEL, alias) for alias in ("live", "previous", "shadow")}
    promote(aliases, 2)
    monkeypatch.setattr(aliases, "_newest", lambda model, alias: stale[alias])
    with pytest.raises(InUse, match="somebody else changed who is live"):
        promote(aliases, 3)
    monkeypatch.undo()
    assert standing(aliases) == (2, 1)


def test_under_many_at_once_the_history_stays_a_chain(aliases, layout):
    def change(number):
        own = Ledger(layout.ledger_url)
        for _ in range(4):
            try:
                Aliases(own).promote(MODEL, number, because="race", by=str(number))
            except InUse:
                continue
        own.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain = [entry.decode(AliasChange) for entry in reversed(aliases.history(MODEL))]
    assert [change.before for change in chain] == [None, *(change.release for change in chain[:-1])]
    assert standing(aliases)[1] == chain[-1].before
