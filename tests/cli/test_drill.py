"""`watch --drill`: a drift that is made up is noticed, and its alert arrives; before there is a model, too."""

from __future__ import annotations

import json

import pytest
from alerts.receiver import Receiver
from cli.test_wrong_use import CONTRACT

from shipworthy.monitoring.records import Drill

FEATURES = """
age = { type = "float", min = 0, max = 120 }
joined = { type = "timestamp" }
plan = { type = "category", values = ["a", "b"] }
"""


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


def declare(user, **monitoring):
    wanted = "".join(f"{key} = {json.dumps(value)}\n" for key, value in monitoring.items())
    text = CONTRACT.replace('age = { type = "float", min = 0, max = 120 }\n', FEATURES.lstrip())
    user.write("shipworthy.toml", f"{text}[monitoring]\n{wanted}")


def test_before_the_first_model_a_stand_in_is_watched(user, here, receiver):
    declare(user, webhook=receiver.url)
    said = here("watch", "--drill").out
    assert "stand-in: a drill moved" in said
    assert "arrived at webhook" in said
    [(_, opened), (_, ended)] = receiver.told
    assert "A drill, nothing is wrong." in opened["text"]
    assert (opened["status"], ended["status"]) == ("opened", "resolved")
    [entry] = user.entries("drill")
    assert entry.decode(Drill).subject == "stand-in"
    assert "no alert of churn is open" in here("alerts").out


def test_a_webhook_that_takes_nothing_makes_it_fail(user, here, receiver, monkeypatch):
    monkeypatch.setattr("shipworthy.wiring.drilling.PATIENCE", 0.0)
    receiver.status = 500
    declare(user, webhook=receiver.url)
    said = here("watch", "--drill", code=1)
    assert "webhook: the webhook answered 500" in said.out
    assert "nobody would be told" in said.err


def test_a_secret_that_is_not_there_is_named(user, here):
    declare(user, webhook="env:OPS_HOOK")
    said = here("watch", "--drill", code=2).err
    assert "monitoring.webhook is 'env:OPS_HOOK', but the environment has no OPS_HOOK" in said


def test_under_a_silence_nobody_is_told_and_it_says_so(user, here, receiver, monkeypatch):
    monkeypatch.setattr("shipworthy.wiring.drilling.PATIENCE", 0.0)
    declare(user, webhook=receiver.url)
    here("alerts", "--silence", "all", "--until", "4h", "--because", "holiday")
    assert "nobody is told under a silence" in here("watch", "--drill", code=1).out
    assert receiver.told == []
