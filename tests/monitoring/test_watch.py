"""The watch: one alarm for one drift, the same evidence whoever recorded it, nothing twice and nothing lost."""

import pytest
from monitoring.world import DAY, MODEL, opened

from shipworthy.monitoring.records import Alarm, WindowEvidence
from shipworthy.store.ledger import Ledger

START = 100  # day


def alarms(entries):
    return [entry.decode(Alarm) for entry in entries]


def test_windows_that_are_still_open_say_nothing_yet(world):
    world.days(START, START + 3)
    assert world.watch().step() == []
    assert len(world.bodies("evidence")) == 2


def test_a_quiet_world_raises_no_alarm_and_leaves_evidence_for_every_window(world):
    world.days(START, START + 31)
    assert world.watch().step() == []
    found = [entry.decode(WindowEvidence) for entry in world.ledger.entries("evidence", MODEL)]
    assert {evidence.window for evidence in found} == {day * DAY for day in range(START, START + 30)}
    assert all(evidence.standing < 0 and not evidence.alarming for evidence in found)


def test_a_shift_of_the_wind_alarms_once_and_says_what_moved_since_when_and_what_it_does(world):
    world.days(START, START + 10)
    world.days(START + 10, START + 40, shift=0.8)
    watch = world.watch()
    found = alarms(watch.step())
    assert len(found) == 1
    alarm = found[0]
    assert START + 10 <= alarm.window // DAY <= START + 20
    assert abs(alarm.since // DAY - (START + 10)) <= 1
    assert alarm.moved[0].payoff in {"wind", "score"}
    assert alarm.explained[0].feature == "wind"
    assert alarm.explained[0].change == pytest.approx(alarm.score_change, abs=0.03)
    assert alarm.score_change > 0.1
    assert "wind" in alarm.words
    assert watch.step() == []


def test_any_number_of_recorders_in_any_order_leaves_the_same_bytes(world, tmp_path):
    world.days(START, START + 20, shift=0.5)
    world.watch().step()
    with opened(tmp_path / "other") as other:
        other.days(START, START + 20, shift=0.5, sources=("zz", "b7", "w0"))
        other.watch().step()
        assert other.bodies("evidence") == world.bodies("evidence")
        assert other.bodies("alarm") == world.bodies("alarm")


def test_evidence_found_a_window_at_a_time_equals_evidence_found_at_once(world, tmp_path):
    world.days(START, START + 25, shift=0.5)
    world.watch().step()
    with opened(tmp_path / "other") as other:
        for day in range(START, START + 25):
            other.days(day, day + 1, shift=0.5)
            other.watch().step()
        assert other.bodies("evidence") == world.bodies("evidence")
        assert other.bodies("alarm") == world.bodies("alarm")


class Died(BaseException):
    """The process was killed."""


class Mortal(Ledger):
    """A ledger whose process dies at its n-th append."""

    left = 0

    def append(self, *arguments, **options):
        self.left -= 1
        if self.left < 0:
            raise Died
        return super().append(*arguments, **options)


@pytest.mark.parametrize("appends", [0, 1, 12, 13, 14, 15])
def test_killed_anywhere_the_next_watch_goes_on_and_raises_the_alarm_once(world, tmp_path, appends):
    world.days(START, START + 10)
    world.days(START + 10, START + 20, shift=1.5)
    mortal = Mortal(world.layout.ledger_url)
    mortal.left = appends
    with pytest.raises(Died):
        world.watch(mortal).step()
    mortal.close()
    world.watch().step()
    assert len(world.bodies("alarm")) == 1
    assert len(world.bodies("evidence")) == 19
    with opened(tmp_path / "other") as other:
        other.days(START, START + 10)
        other.days(START + 10, START + 20, shift=1.5)
        other.watch().step()
        assert other.bodies("evidence") == world.bodies("evidence")
        assert other.bodies("alarm") == world.bodies("alarm")


def test_a_watch_that_could_not_write_makes_up_for_it_at_its_next_step(world):
    world.days(START, START + 10)
    world.days(START + 10, START + 20, shift=1.5)
    mortal = Mortal(world.layout.ledger_url)
    mortal.left = 2
    watch = world.watch(mortal)
    with pytest.raises(Died):
        watch.step()
    mortal.left = 1_000
    assert len(watch.step()) == 1
    assert len(world.bodies("evidence")) == 19
    mortal.close()


def test_after_a_refresh_that_was_held_the_drift_alarms_again_when_the_rest_is_over(world):
    world.days(START, START + 20, shift=1.5)
    watch = world.watch()
    first = watch.step()[0]
    held = (START + 22) * DAY
    world.answered[first.id] = held
    world.days(START + 20, START + 26, shift=1.5)
    assert watch.step() == []
    world.days(START + 26, START + 32, shift=1.5)
    again = watch.step()
    assert [alarm.repeated for alarm in alarms(again)] == [True]
    assert alarms(again)[0].event_time >= held + 5 * DAY
    assert "still" in alarms(again)[0].words


def test_an_alarm_that_nobody_answered_is_not_repeated(world):
    world.days(START, START + 60, shift=1.5)
    assert len(world.watch().step()) == 1


def test_a_release_that_is_not_live_leaves_evidence_and_raises_no_alarm(world):
    world.live = {2}
    world.days(START, START + 20, shift=1.5)
    assert world.watch().step() == []
    assert len(world.bodies("evidence")) == 19


def test_a_new_release_begins_with_no_evidence_against_it(world):
    world.days(START, START + 20, shift=1.5)
    watch = world.watch()
    watch.step()
    world.live = {2}
    world.days(START + 20, START + 23, release=2)
    watch.step()
    newest = world.ledger.newest("evidence", MODEL, subject="2").decode(WindowEvidence)
    assert newest.standing < -1
