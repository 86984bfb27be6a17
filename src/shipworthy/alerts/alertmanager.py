"""Prometheus's Alertmanager, by its API v2: it groups, routes and silences what it is told.

An alert there is its labels. The alarm's id is one of them, so that one alarm is one alert however often it is told,
and a route may group by model. Alertmanager forgets an alert at its `endsAt`: an open one is told again every minute,
and has an hour left when nobody tells it any more, because a watch that died is no all-clear.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from shipworthy import clock
from shipworthy.alerts.records import Alert, Event
from shipworthy.alerts.webhook import client

AGAIN = 60.0  # seconds between two repetitions of what is open
LASTS = clock.HOUR


class Alertmanager:
    """Posts alerts to one Alertmanager."""

    def __init__(self, url: str, name: str = "alertmanager", *, seconds: Callable[[], float] = time.monotonic) -> None:
        """url: of the server, such as http://127.0.0.1:9093; seconds: a clock that never goes back."""
        self.name = name
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._client = client()
        self._seconds = seconds
        self._told_again = float("-inf")

    def tell(self, alert: Alert, event: Event) -> str:
        """Post the alert, firing or over. Why it did not arrive; "" if it did."""
        return self._post([posted(alert, clock.now(), over=event == "resolved" or not alert.lasting)])

    def keep_alive(self, standing: Sequence[Alert]) -> None:
        """Repeat what is open, about once a minute. One that fails is repeated a minute later."""
        if standing and self._seconds() - self._told_again >= AGAIN:
            self._told_again = self._seconds()
            self._post([posted(alert, clock.now(), over=False) for alert in standing])

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _post(self, alerts: list[dict[str, Any]]) -> str:
        try:
            response = self._client.post(self._url, json=alerts)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return "" if response.is_success else f"Alertmanager answered {response.status_code}: {response.text[:200]}"


def posted(alert: Alert, now: int, *, over: bool) -> dict[str, Any]:
    """An alert as API v2 takes it. What only says that something happened fires for five minutes."""
    words = "".join(word.capitalize() for word in alert.cause.split())
    labels = {
        "alertname": f"Shipworthy{words}",
        "model": alert.model,
        "cause": alert.cause,
        "severity": alert.severity,
        "alarm": alert.id,
    }
    if alert.release is not None:
        labels["release"] = str(alert.release)
    ends = now + LASTS
    if over:
        ends = now if alert.lasting else now + 5 * clock.MINUTE
    annotations = {"summary": alert.title, "description": alert.text}
    if alert.event_time is not None:
        annotations["event_time"] = clock.to_iso(alert.event_time)
    return {
        "labels": labels,
        "annotations": annotations,
        "startsAt": clock.to_iso(min(alert.at, ends)),
        "endsAt": clock.to_iso(ends),
    }
