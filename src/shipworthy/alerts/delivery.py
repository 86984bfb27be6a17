"""Telling somebody: one alert an alarm, to the journal and to a webhook, until it has arrived.

The journal comes first and never waits. The webhook is tried again by later steps, less and less often, and nothing is
lost while it is down or while nobody runs. A process killed between the call and its record calls once more, with the
same Idempotency-Key, by which the receiver can tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType

import httpx

from shipworthy.alerts.journal import Journal, spoken
from shipworthy.alerts.records import VERSION, Alert, Channel, Standing, State
from shipworthy.store.ledger import Entry, Ledger

_TIMEOUT = 5.0  # seconds for one call
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds between calls that failed


class Delivery:
    """Delivers alerts of one model. One process at a time."""

    def __init__(
        self,
        ledger: Ledger,
        model: str,
        journal: Journal,
        webhook: str | None,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """webhook: a URL, or None; seconds: a clock that never goes back."""
        self._ledger, self._model, self._journal, self._webhook = ledger, model, journal, webhook
        self._client = httpx.Client(timeout=_TIMEOUT, headers={"User-Agent": "shipworthy"}, trust_env=False)
        self._seconds = seconds
        self._pause, self._not_before = _FIRST_PAUSE, float("-inf")

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def step(self, alerts: Iterable[Alert] = ()) -> list[Entry]:
        """Accept alerts (one that was accepted before changes nothing), then try what is pending.

        Returns what was recorded: kind "alert", body `Standing`.
        """
        standing = self._standing()
        recorded: list[Entry] = []
        for alert in alerts:
            if (alert.id, "log", "delivered") not in standing:
                recorded += self._accept(alert)
        if recorded:
            standing = self._standing()
        return recorded + self._call_pending(standing)

    def pending(self) -> list[Alert]:
        """Alerts that the webhook has not taken yet, oldest first."""
        return _pending(self._standing())

    def _accept(self, alert: Alert) -> list[Entry]:
        self._journal.write(alert)
        with self._ledger.transaction() as connection:
            states: list[tuple[Channel, State]] = [("log", "delivered")]
            if self._webhook is not None:
                states.append(("webhook", "pending"))
            return [
                self._ledger.append(
                    "alert",
                    self._model,
                    Standing(VERSION, alert, channel, state),
                    subject=alert.id,
                    key=_key(alert, channel, state),
                    connection=connection,
                )
                for channel, state in states
            ]

    def _call_pending(self, standing: dict[tuple[str, Channel, State], Alert]) -> list[Entry]:
        recorded: list[Entry] = []
        if self._webhook is None or self._seconds() < self._not_before:
            return recorded
        for alert in _pending(standing):
            failure = self._call(self._webhook, alert)
            recorded.append(self._record(alert, "failed" if failure else "delivered", failure))
            if failure:
                self._not_before = self._seconds() + self._pause
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)
                break
            self._pause = _FIRST_PAUSE
        return recorded

    def _call(self, webhook: str, alert: Alert) -> str:
        """Why it did not arrive; "" if it did."""
        try:
            response = self._client.post(webhook, json=spoken(alert), headers={"Idempotency-Key": alert.id})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return "" if response.is_success else f"the webhook answered {response.status_code}"

    def _record(self, alert: Alert, state: State, reason: str) -> Entry:
        record = Standing(VERSION, alert, "webhook", state, reason)
        key = _key(alert, "webhook", state)
        return self._ledger.append_once("alert", self._model, record, subject=alert.id, key=key)

    def _standing(self) -> dict[tuple[str, Channel, State], Alert]:
        """Everything recorded of alerts, oldest first."""
        records = [entry.decode(Standing) for entry in reversed(self._ledger.entries("alert", self._model))]
        return {(record.alert.id, record.channel, record.state): record.alert for record in records}


def _pending(standing: dict[tuple[str, Channel, State], Alert]) -> list[Alert]:
    return [
        alert
        for (id_, channel, state), alert in standing.items()
        if channel == "webhook" and state == "pending" and (id_, "webhook", "delivered") not in standing
    ]


def _key(alert: Alert, channel: Channel, state: State) -> str:
    return f"{alert.id}:{channel}:{state}"
