"""When a refresh is due."""

from hypothesis import given
from hypothesis import strategies as st

from shipworthy.clock import DAY
from shipworthy.contract.records import Retraining
from shipworthy.refresh.policy import AlarmSeen, Standing, due, resting_until
from shipworthy.refresh.records import Refresh, Trigger

MONTHLY = Retraining(on=("drift", "performance"), wait=30 * DAY)


def alarm(name: str = "alarm-1", release: int = 1, day: int = 10, cause: str = "drift") -> AlarmSeen:
    return AlarmSeen(name, cause, release, day * DAY, f"{name} spoke")  # type: ignore[arg-type]


def refreshed(after: str | None, day: int, ending: str = "held") -> Refresh:
    trigger = Trigger("refresh-x", "drift", after, 1, day * DAY, "")
    return Refresh(
        version=1,
        trigger=trigger,
        ending=ending,  # type: ignore[arg-type]
        reason="",
        run=None,
        rebuild=None,
        release=None,
        event_time=day * DAY,
        started=0,
        finished=0,
    )


def standing(*, now: int, alarms=(), refreshes=(), live: int = 1, asked=()) -> Standing:
    return Standing(live, 0, now * DAY, tuple(alarms), tuple(refreshes), tuple(asked))


def test_an_alarm_of_the_live_release_makes_a_refresh_due():
    trigger = due(MONTHLY, standing(now=11, alarms=[alarm()]))
    assert trigger is not None
    assert (trigger.alarm, trigger.release, trigger.because) == ("alarm-1", 1, "alarm-1 spoke")


def test_the_same_alarm_gives_the_same_refresh_id():
    first = due(MONTHLY, standing(now=11, alarms=[alarm()]))
    second = due(MONTHLY, standing(now=12, alarms=[alarm()]))
    assert first is not None
    assert second is not None
    assert first.id == second.id


def test_an_alarm_of_a_release_that_is_no_longer_live_counts_for_nothing():
    assert due(MONTHLY, standing(now=11, alarms=[alarm(release=1)], live=2)) is None


def test_an_alarm_makes_one_refresh_only():
    assert due(MONTHLY, standing(now=90, alarms=[alarm()], refreshes=[refreshed("alarm-1", day=20)])) is None


def test_a_held_refresh_rests_too():
    later = alarm("alarm-2", day=25)
    assert due(MONTHLY, standing(now=49, alarms=[later], refreshes=[refreshed("alarm-1", day=20)])) is None
    assert due(MONTHLY, standing(now=50, alarms=[later], refreshes=[refreshed("alarm-1", day=20)])) is not None


def test_a_cause_that_the_contract_does_not_name_is_not_followed():
    only_drift = Retraining(on=("drift",))
    assert due(only_drift, standing(now=11, alarms=[alarm(cause="performance")])) is None


def test_a_person_who_asks_knows_no_rest():
    trigger = due(MONTHLY, standing(now=21, refreshes=[refreshed(None, day=20)], asked=["refresh-asked-1"]))
    assert trigger is not None
    assert trigger.cause == "asked"


def test_the_schedule_counts_from_the_newest_refresh():
    weekly = Retraining(on=("schedule",), schedule=7 * DAY)
    assert due(weekly, standing(now=6)) is None
    assert due(weekly, standing(now=7)) is not None
    assert due(weekly, standing(now=13, refreshes=[refreshed(None, day=7)])) is None
    assert due(weekly, standing(now=14, refreshes=[refreshed(None, day=7)])) is not None


@given(
    days=st.lists(st.integers(0, 300), max_size=5),
    now=st.integers(0, 400),
    alarms=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 400)), max_size=5),
)
def test_nothing_but_a_persons_wish_ever_breaks_the_rest(days, now, alarms):
    seen = [alarm(f"alarm-{i}", release, day) for i, (release, day) in enumerate(alarms)]
    refreshes = [refreshed(None, day) for day in days]
    rest = resting_until(MONTHLY, refreshes)
    trigger = due(MONTHLY, standing(now=now, alarms=seen, refreshes=refreshes))
    if rest is not None and now * DAY < rest:
        assert trigger is None
