"""Windows close when rows of them can come no more; until then somebody is told that they wait, and for what."""

from monitoring.world import DAY, MODEL

from shipworthy import clock
from shipworthy.contract.records import Monitoring
from shipworthy.counts.windows import first_open
from shipworthy.dashboard.reading import closing
from shipworthy.monitoring.closing import newest_event_time, open_windows

START = 100


def test_the_windows_that_wait_are_those_that_are_not_closed(world):
    world.days(START, START + 4)
    world.days(START, START + 4, release=2)
    newest = newest_event_time(world.ledger, MODEL)
    assert newest == (START + 4) * DAY - 1
    for lateness, waiting in ((clock.HOUR, [3]), (30 * clock.HOUR, [2, 3]), (9 * DAY, [0, 1, 2, 3])):
        found = open_windows(world.ledger, MODEL, 1, first_open(newest, DAY, lateness))
        assert found == [(START + day) * DAY for day in waiting]


def test_what_waits_is_said_with_the_time_that_ends_it():
    monitoring = Monitoring(window=clock.MINUTE, lateness=6 * clock.HOUR)
    start = clock.from_iso("2026-01-01T10:00:00Z")
    assert closing(3, [], monitoring) == ""
    assert closing(3, [start], monitoring) == (
        "1 window of @3 waits to be weighed, since rows may come 6h late (monitoring.lateness): "
        "the first is closed by a row of 2026-01-01T16:01:00Z or later"
    )
    assert closing(3, [start, start + clock.MINUTE], monitoring).startswith("2 windows of @3 wait to be weighed")
