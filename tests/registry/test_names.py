"""People may say `flight-delay@3`, `@live`, `latest` or the beginning of an id, and are told what comes near."""

import pytest

from shipworthy.errors import NotFound, WrongUse
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.names import entry_of, release_of, run_of

MODEL = "flight-delay"


@pytest.fixture
def world(ledger, make_release, make_run):
    """Two releases, the second live, and a run that is not released."""
    released = [make_release(seed=1), make_release(seed=2)]
    for number in (1, 2):
        Aliases(ledger).promote(MODEL, number, because="released", by="ann")
    return ledger, released, make_run(seed=3)


@pytest.mark.parametrize(
    ("name", "number"),
    [("flight-delay@1", 1), ("flight-delay@live", 2), ("@live", 2), ("@previous", 1), ("@2", 2), ("@latest", 2)],
)
def test_releases_by_number_and_alias(world, name, number):
    ledger, released, _ = world
    assert entry_of(ledger, name, model=MODEL) == released[number - 1]
    assert release_of(ledger, name, model=MODEL) == released[number - 1]
    assert run_of(ledger, name, model=MODEL).id == released[number - 1].subject


def test_latest_is_the_newest_run_or_release_by_what_is_asked_for(world):
    ledger, released, run = world
    assert run_of(ledger, "latest", model=MODEL) == run
    assert release_of(ledger, "latest", model=MODEL) == released[1]


def test_any_unique_beginning_of_an_id_with_or_without_its_kind(world):
    ledger, released, run = world
    for name in (run.id, run.id[:10], run.id.removeprefix("run-")[:8]):
        assert run_of(ledger, name) == run
    assert release_of(ledger, released[0].id[:14]) == released[0]
    assert release_of(ledger, released[0].subject) == released[0]


def test_a_beginning_that_fits_several_lists_them(world):
    ledger, _, run = world
    with pytest.raises(WrongUse, match="several") as raised:
        run_of(ledger, "run-")
    assert run.id in str(raised.value)
    assert "a run of flight-delay" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("@lvie", "did you mean live"),
        ("flight-dely@1", "no model called 'flight-dely'.*did you mean flight-delay"),
        ("@7", "no release 7; it has 1 to 2"),
        ("@canary", "no canary release yet; it has 1 to 2"),
        ("latset", "did you mean latest"),
        ("ab", "too short"),
    ],
)
def test_a_mistyped_name_is_answered_with_what_comes_near(world, name, message):
    with pytest.raises(WrongUse, match=message):
        entry_of(world[0], name, model=MODEL)


def test_a_mistyped_id_is_answered_with_the_one_that_comes_near(world):
    ledger, _, run = world
    mistyped = run.id[:-1] + ("0" if run.id[-1] != "0" else "1")
    with pytest.raises(NotFound, match=f"did you mean .*{run.id}"):
        entry_of(ledger, mistyped)


def test_a_name_without_a_model_needs_one(world):
    with pytest.raises(WrongUse, match="does not say of which model"):
        entry_of(world[0], "@live")


def test_a_run_without_a_release_says_how_to_release_it(world):
    ledger, _, run = world
    with pytest.raises(NotFound, match="is not released; `shipworthy release"):
        release_of(ledger, run.id)


def test_what_is_neither_run_nor_release_is_named(world):
    ledger = world[0]
    alias = ledger.newest("alias", MODEL)
    with pytest.raises(WrongUse, match=r"is an alias of flight-delay.*expected a run or a release"):
        run_of(ledger, alias.id)


def test_before_anything_is_made_that_is_what_one_hears(ledger):
    with pytest.raises(NotFound, match="flight-delay has no run yet"):
        run_of(ledger, "latest", model=MODEL)
    with pytest.raises(NotFound, match="no live release yet; nothing of it is released"):
        entry_of(ledger, "@live", model=MODEL)
