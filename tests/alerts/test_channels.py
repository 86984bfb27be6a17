"""Channels against the programs that they speak to: a real Alertmanager, and Apprise."""

import httpx
import pytest
from alerts.receiver import alert, fallen
from alerts.serving import an_alertmanager

from shipworthy.alerts.alertmanager import Alertmanager
from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.notifying import Apprise
from shipworthy.clock import now
from shipworthy.errors import WrongUse


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """The address of an Alertmanager that tells nobody."""
    with an_alertmanager(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


def firing(url, alarm):
    """What Alertmanager holds as firing of an alarm."""
    found = httpx.get(f"{url}/api/v2/alerts", params={"filter": f'alarm="{alarm}"'}, trust_env=False).json()
    return [one for one in found if one["status"]["state"] == "active"]


def posted(url, alarm):
    """The same alerts, as they are posted."""
    return [{key: one[key] for key in ("labels", "annotations", "startsAt")} for one in firing(url, alarm)]


@pytest.mark.needs("prometheus-alertmanager")
def test_alertmanager_holds_one_alert_from_its_beginning_to_its_end(ledger, journal, alertmanager):
    """However often it is told, by however many processes."""
    for _ in range(2):
        with Delivery(ledger, "delays", Journal(journal), [Alertmanager(alertmanager)]) as sender:
            sender.step([alert("alarm-a", at=now())])
    [found] = firing(alertmanager, "alarm-a")
    assert found["labels"] == {
        "alertname": "ShipworthyDrift", "model": "delays", "release": "1", "cause": "drift", "severity": "page",
        "alarm": "alarm-a",
    }  # fmt: skip
    assert found["annotations"]["description"] == "wind differs"
    with Delivery(ledger, "delays", Journal(journal), [Alertmanager(alertmanager)]) as sender:
        sender.step([], fallen("alarm-a"))
    assert firing(alertmanager, "alarm-a") == []


@pytest.mark.needs("prometheus-alertmanager")
def test_an_alertmanager_that_lost_everything_is_told_again_what_is_open(ledger, journal, alertmanager):
    seconds = 0.0
    channel = Alertmanager(alertmanager, seconds=lambda: seconds)
    with Delivery(ledger, "delays", Journal(journal), [channel]) as sender:
        sender.step([alert("alarm-b", at=now())])
        sender.step()
        channel._post([{**one, "endsAt": one["startsAt"]} for one in posted(alertmanager, "alarm-b")])
        assert firing(alertmanager, "alarm-b") == []
        sender.step()
        assert firing(alertmanager, "alarm-b") == []  # not in every step
        seconds = 61.0
        sender.step()
    assert len(firing(alertmanager, "alarm-b")) == 1


@pytest.mark.needs("prometheus-alertmanager")
def test_what_alertmanager_does_not_take_is_kept_with_its_reason(alertmanager):
    for address, said in (
        (f"{alertmanager}/elsewhere", "Alertmanager answered 404"),
        ("http://127.0.0.1:9", "Connect"),
    ):
        channel = Alertmanager(address)
        assert channel.tell(alert("alarm-c"), "opened").startswith(said)
        channel.close()


@pytest.mark.needs("apprise")
def test_apprise_tells_one_of_its_services_of_the_beginning_and_the_end(ledger, journal, receiver):
    place = receiver.url.replace("http://", "json://")
    with Delivery(ledger, "delays", Journal(journal), [Apprise(place), Apprise(place, "apprise-2")]) as sender:
        sender.step([alert("a")])
        sender.step([], fallen("a"))
    assert [(body["title"], body["message"], body["type"]) for _, body in receiver.told] == [
        *[("delays@1: the world has moved", "wind differs", "failure")] * 2,
        *[("resolved: delays@1: the world has moved", "wind differs", "success")] * 2,
    ]


@pytest.mark.needs("apprise")
def test_apprise_says_why_a_service_did_not_take_it(receiver):
    receiver.status = 500
    assert "apprise did not take it: " in Apprise(receiver.url.replace("http://", "json://")).tell(alert("a"), "opened")


@pytest.mark.needs("apprise")
def test_a_url_that_apprise_does_not_know_is_refused_without_its_secret():
    with pytest.raises(WrongUse, match="Apprise knows no place") as said:
        Apprise("nowhere://token-1234@host")
    assert "token-1234" not in str(said.value)
