"""An alert opens once, and ends once: for everybody who was told that it began."""

import json

import pytest
from alerts.receiver import alert, fallen
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.alerts.delivery import Delivery, lives, turn
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.life import life
from shipworthy.alerts.records import VERSION, Silence, Turn
from shipworthy.alerts.webhook import Webhook
from shipworthy.clock import HOUR, now

turns = st.dictionaries(st.sampled_from(["acknowledged", "resolved"]), st.integers(0, 10)).map(
    lambda found: {into: Turn(VERSION, "a", into, "ann", "seen", at) for into, at in found.items()}
)
silences = st.lists(
    st.builds(
        lambda cause, until: Silence(VERSION, "delays", cause, until, "bob", "holiday", 0),
        st.sampled_from([None, "drift", "performance"]),
        st.integers(0, 20),
    ),
    max_size=3,
)


@given(turns=turns, silences=silences, instant=st.integers(0, 20))
def test_what_is_over_stays_over_and_a_silence_lasts_until_its_end(turns, silences, instant):
    found = life(alert("a"), turns, silences, instant)
    if "resolved" in turns:
        assert found.phase == "resolved"
    elif any(one.until > instant and one.cause in (None, "drift") for one in silences):
        assert found.phase == "silenced"
    else:
        assert found.phase == ("acknowledged" if "acknowledged" in turns else "open")
    assert found.told == (found.phase in ("open", "acknowledged"))


def test_what_says_that_something_happened_is_over_with_being_told():
    assert life(alert("a", lasting=False), {}, [], 0).phase == "resolved"


@pytest.fixture
def sender(ledger, journal, receiver):
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as found:
        yield found


def told(receiver):
    return [(key, body["status"]) for key, body in receiver.told]


def silence(ledger, until, cause=None):
    return ledger.append("silence", "delays", Silence(VERSION, "delays", cause, until, "bob", "holiday", now()))


def test_its_end_is_told_once_to_whoever_knows_of_its_beginning(sender, receiver, journal):
    sender.step([alert("a"), alert("b")])
    for _ in range(2):
        sender.step([alert("a"), alert("b")], fallen("a"))
    assert told(receiver) == [("a", "opened"), ("b", "opened"), ("a:resolved", "resolved")]
    written = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(line["id"], line["status"]) for line in written] == [("a", "opened"), ("b", "opened"), ("a", "resolved")]


def test_what_ended_before_anybody_could_be_told_is_not_told(sender, receiver, ledger):
    receiver.status = 503
    sender.step([alert("a")])
    sender.step([], fallen("a"))
    receiver.status = 200
    with Delivery(ledger, "delays", Journal(sender._journal._path), [Webhook(receiver.url)]) as later:
        later.step()
    assert told(receiver) == []


def test_one_that_a_person_resolved_ends_for_everybody(sender, receiver, ledger):
    sender.step([alert("a")])
    turn(ledger, alert("a"), "resolved", "ann", "it was the calendar")
    sender.step([alert("a")])
    assert told(receiver) == [("a", "opened"), ("a:resolved", "resolved")]
    [found] = lives(ledger, "delays")
    assert (found.phase, found.by, found.because) == ("resolved", "ann", "it was the calendar")


def test_what_is_silenced_stands_in_the_log_alone_and_is_told_when_the_silence_is_lifted(
    sender, receiver, ledger, journal
):
    entry = silence(ledger, now() + HOUR, "drift")
    sender.step([alert("a"), alert("b", cause="performance")])
    assert told(receiver) == [("b", "opened")]
    assert len(journal.read_text().splitlines()) == 2
    lifted = Silence(VERSION, "delays", "drift", 0, "bob", "back", now(), lifted=entry.id)
    ledger.append("silence", "delays", lifted)
    sender.step()
    assert told(receiver) == [("b", "opened"), ("a", "opened")]


def test_what_began_and_ended_under_a_silence_is_never_told(sender, receiver, ledger):
    silence(ledger, now() + HOUR)
    sender.step([alert("a")])
    sender.step([], fallen("a"))
    assert told(receiver) == []


def test_an_acknowledged_alert_is_open_still_and_its_end_is_told(sender, receiver, ledger):
    sender.step([alert("a")])
    turn(ledger, alert("a"), "acknowledged", "ann", "looking")
    assert lives(ledger, "delays")[0].phase == "acknowledged"
    sender.step([], fallen("a"))
    assert told(receiver)[-1] == ("a:resolved", "resolved")
