"""`alerts`: what is open and who was told, and what people make of it."""

from __future__ import annotations

import json

import pytest
from alerts.receiver import alert
from cli.test_wrong_use import CONTRACT

from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.webhook import Webhook
from shipworthy.contract.reading import read
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare


@pytest.fixture
def told(user, here):
    """Tells somebody, at a webhook that is down, of an alert."""
    user.write("shipworthy.toml", CONTRACT)
    prepare(user.layout)
    model = read(user.folder / "shipworthy.toml").name

    def tell(*names):
        ledger = Ledger(user.layout.ledger_url)
        channel = Webhook("http://127.0.0.1:9/")
        with Delivery(ledger, model, Journal(user.folder / "alerts.jsonl"), [channel]) as sender:
            sender.step([alert(name, model=model) for name in names])
        ledger.close()

    return tell


def phases(here, *arguments):
    return {
        one["life"]["alert"]["id"]: one["life"]["phase"]
        for one in json.loads(here("alerts", "--json", *arguments).out)["alerts"]
    }


def test_where_nothing_is_open_it_says_so(told, here):
    assert "no alert of" in here("alerts").out
    assert here("status").out


def test_an_open_alert_is_listed_with_who_has_not_been_told_and_why(told, here):
    told("alarm-1234")
    for command in ("alerts", "status"):
        said = here(command).out
        assert "open" in said
        assert "ConnectError" in said, command


def test_it_is_acknowledged_and_resolved_by_a_beginning_of_its_id(told, here):
    told("alarm-1234", "alarm-5678")
    said = here("alerts", "--acknowledge", "alarm-12", "--because", "looking").out
    assert "acknowledged since" in said
    assert "looking" in said
    assert phases(here) == {"alarm-1234": "acknowledged", "alarm-5678": "open"}
    assert phases(here, "--resolve", "5678") == {"alarm-1234": "acknowledged", "alarm-5678": "resolved"}
    assert phases(here) == {"alarm-1234": "acknowledged"}
    assert "is over since" in here("alerts", "--acknowledge", "alarm-5678", code=2).err


def test_a_silence_is_listed_until_it_is_lifted(told, here):
    told("alarm-1234")
    said = json.loads(here("alerts", "--silence", "drift", "--until", "4h", "--because", "holiday", "--json").out)
    assert phases(here) == {"alarm-1234": "silenced"}
    [silence] = said["silences"]
    assert "holiday" in here("alerts").out
    here("alerts", "--lift", silence["id"], "--because", "back")
    assert phases(here) == {"alarm-1234": "open"}
    assert json.loads(here("alerts", "--json").out)["silences"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--resolve", "alarm-9999"), "no alert is meant by 'alarm-9999': there is none"),
        (("--resolve", "alarm"), "2 alerts begin so: alarm-1234, alarm-5678"),
        (("--silence", "drift"), "--silence and --until go together"),
        (("--silence", "drift", "--until", "2020-01-01", "--because", "x"), "--until 2020-01-01 has passed"),
        (("--silence", "drift", "--until", "soon", "--because", "x"), "--until is 'soon': expected a date"),
        (("--silence", "drift", "--until", "4h"), "--because is empty"),
        (("--lift", "silence-1"), "there is no silence 'silence-1'"),
        (("--lift", "silence-1", "--resolve", "alarm-1234"), "give one at a time"),
    ],
)
def test_a_wish_that_cannot_be_met_is_explained_and_changes_nothing(told, here, arguments, said):
    told("alarm-1234", "alarm-5678")
    assert said in here("alerts", *arguments, code=2).err
    assert phases(here) == {"alarm-1234": "open", "alarm-5678": "open"}
