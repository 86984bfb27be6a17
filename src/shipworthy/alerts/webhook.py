"""A webhook: one POST of JSON an event."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from shipworthy.alerts.journal import spoken
from shipworthy.alerts.records import Alert, Event

TIMEOUT = 5.0  # seconds for one call


def client() -> httpx.Client:
    """For one receiver of alerts: no proxy of the environment's comes between."""
    return httpx.Client(timeout=TIMEOUT, headers={"User-Agent": "shipworthy"}, trust_env=False)


class Webhook:
    """Posts `{"id", "model", …, "status": "opened" | "resolved"}`; a repetition has the same Idempotency-Key."""

    def __init__(self, url: str, name: str = "webhook") -> None:
        self.name = name
        self._url = url
        self._client = client()

    def tell(self, alert: Alert, event: Event) -> str:
        """Post the alert. Why it did not arrive; "" if it did."""
        key = alert.id if event == "opened" else f"{alert.id}:{event}"
        body = {**spoken(alert), "status": event}
        try:
            response = self._client.post(self._url, json=body, headers={"Idempotency-Key": key})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return "" if response.is_success else f"the webhook answered {response.status_code}"

    def keep_alive(self, standing: Sequence[Alert]) -> None:
        """A webhook remembers what it was told."""

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()
