"""Alerts arrive once each, however often somebody is killed and however long the webhook is down."""

import json

import pytest
from alerts.receiver import alert

from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.records import Standing
from shipworthy.alerts.webhook import Webhook
from shipworthy.store.ledger import Ledger


def lines(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


def states(ledger):
    records = [entry.decode(Standing) for entry in ledger.entries("alert", "delays")]
    return sorted((record.alert.id, record.channel, record.state) for record in records)


def test_an_alert_goes_to_the_journal_and_to_the_webhook_once(ledger, journal, receiver):
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as sender:
        sender.step([alert("a")])
        sender.step([alert("a"), alert("b")])
        sender.step([alert("a"), alert("b")])
    assert [line["id"] for line in lines(journal)] == ["a", "b"]
    assert [(key, body["event_time"]) for key, body in receiver.told] == [
        ("a", "1970-01-02T00:00:00Z"),
        ("b", "1970-01-02T00:00:00Z"),
    ]
    assert receiver.told[0][1]["text"] == "delays@1: the world has moved: wind differs"


def test_without_a_webhook_the_journal_is_all_there_is(ledger, journal):
    with Delivery(ledger, "delays", Journal(journal)) as sender:
        sender.step([alert("a")])
        assert sender.pending() == []
    assert states(ledger) == [("a", "log", "delivered")]


def test_a_webhook_that_is_new_is_not_told_of_the_past(ledger, journal, receiver):
    with Delivery(ledger, "delays", Journal(journal)) as sender:
        sender.step([alert("a")])
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as sender:
        sender.step([alert("a")])
    assert receiver.told == []


def test_what_a_webhook_refused_is_told_when_it_is_up_again_by_another_process_too(ledger, journal, receiver):
    receiver.status = 503
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as sender:
        recorded = sender.step([alert("a"), alert("b")])
        assert recorded[-1].decode(Standing).reason == "the webhook answered 503"
        assert [(one.id, channel) for one, channel in sender.pending()] == [("a", "webhook"), ("b", "webhook")]
    receiver.status = 200
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as sender:
        sender.step()
        assert sender.pending() == []
    assert [key for key, _ in receiver.told] == ["a", "b"]
    assert len(lines(journal)) == 2


def test_a_webhook_that_is_down_is_called_less_and_less_often(ledger, journal, receiver):
    receiver.status = 500
    called = []
    now = 0
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)], seconds=lambda: now) as sender:
        sender.step([alert("a")])
        for now in range(1, 900):
            called += [now] * bool(sender.step())
    assert called[:8] == [1, 3, 7, 15, 31, 63, 127, 255]
    assert called[-1] - called[-2] == 300
    assert receiver.calls == 1 + len(called)
    assert states(ledger).count(("a", "webhook", "failed")) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[broken", "nowhere"])
def test_a_webhook_that_cannot_be_reached_is_a_reason_not_a_crash(ledger, journal, url):
    with Delivery(ledger, "delays", Journal(journal), [Webhook(url)]) as sender:
        recorded = sender.step([alert("a")])
        assert recorded[-1].decode(Standing).state == "failed"
        assert recorded[-1].decode(Standing).reason


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


@pytest.mark.parametrize("appends", [0, 1, 2])
def test_killed_anywhere_the_alert_stands_in_the_journal_once_and_reaches_the_webhook(
    ledger, journal, receiver, appends
):
    mortal = Mortal(ledger.url)
    mortal.left = appends
    with Delivery(mortal, "delays", Journal(journal), [Webhook(receiver.url)]) as sender, pytest.raises(Died):
        sender.step([alert("a")])
    mortal.close()
    with Delivery(ledger, "delays", Journal(journal), [Webhook(receiver.url)]) as sender:
        sender.step([alert("a")])
    assert [line["id"] for line in lines(journal)] == ["a"]
    assert {key for key, _ in receiver.told} == {"a"}
    assert len(receiver.told) == (2 if appends == 2 else 1)


def test_half_a_line_left_by_a_killed_process_spoils_no_other(journal):
    journal.write_bytes(b'{"id":"a","mo')
    Journal(journal).write(alert("b"))
    Journal(journal).write(alert("b"))
    whole = journal.read_bytes().splitlines()[1:]
    assert [json.loads(line)["id"] for line in whole] == ["b"]
