"""A lease is held by one process at a time, and passes on when its holder stops renewing."""

import threading

import pytest

from shipworthy.clock import SECOND
from shipworthy.store.leases import Leases
from shipworthy.store.ledger import Ledger


@pytest.fixture
def leases(ledger):
    return Leases(ledger)


def test_a_free_lease_is_taken_and_held_against_others(leases):
    assert leases.acquire("recorder", "a", 10 * SECOND, now=0)
    assert not leases.acquire("recorder", "b", 10 * SECOND, now=9 * SECOND)
    assert leases.holder("recorder", now=9 * SECOND) == "a"


def test_the_holder_may_take_it_again(leases):
    assert leases.acquire("recorder", "a", 10, now=0)
    assert leases.acquire("recorder", "a", 10, now=5)
    assert leases.holder("recorder", now=14) == "a"


def test_a_lease_that_has_run_out_passes_on_and_cannot_be_renewed(leases):
    leases.acquire("recorder", "a", 10, now=0)
    assert leases.holder("recorder", now=10) is None
    assert leases.acquire("recorder", "b", 10, now=10)
    assert not leases.renew("recorder", "a", 10, now=11)
    assert leases.holder("recorder", now=11) == "b"


def test_a_renewed_lease_lasts_longer(leases):
    leases.acquire("recorder", "a", 10, now=0)
    assert leases.renew("recorder", "a", 10, now=8)
    assert not leases.acquire("recorder", "b", 10, now=15)


def test_a_lease_given_back_is_free_but_nobody_gives_back_that_of_another(leases):
    leases.acquire("recorder", "a", 10, now=0)
    leases.release("recorder", "b")
    assert leases.holder("recorder", now=1) == "a"
    leases.release("recorder", "a")
    assert leases.acquire("recorder", "b", 10, now=1)


def test_leases_of_different_names_know_nothing_of_each_other(leases):
    assert leases.acquire("recorder", "a", 10, now=0)
    assert leases.acquire("refresher", "b", 10, now=0)


def test_of_many_at_once_one_gets_it(ledger, layout):
    got = []

    def take(name):
        own = Ledger(layout.ledger_url)
        if Leases(own).acquire("recorder", name, 60 * SECOND):
            got.append(name)
        own.close()

    threads = [threading.Thread(target=take, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
