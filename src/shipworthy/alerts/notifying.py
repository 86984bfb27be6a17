"""Mail, chat and a hundred other services, by Apprise (the extra `apprise`): one URL a place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from shipworthy.alerts.records import Alert, Event
from shipworthy.errors import WrongUse

_KINDS = {"page": "failure", "ticket": "warning", "info": "info"}


class Apprise:
    """Tells one place by Apprise."""

    def __init__(self, url: str, name: str = "apprise") -> None:
        """WrongUse without the extra, or for a URL that Apprise does not know; a secret in it is not said."""
        self.name = name
        self._place = _place(url, name)

    def tell(self, alert: Alert, event: Event) -> str:
        """Send a message. Why it did not arrive; "" if it did."""
        title = alert.title if event == "opened" else f"resolved: {alert.title}"
        kind = _KINDS[alert.severity] if event == "opened" else "success"
        said = _Said()
        logger = logging.getLogger("apprise")
        logger.addHandler(said)
        try:
            arrived = self._place.notify(title=title, body=alert.text, notify_type=kind)
        finally:
            logger.removeHandler(said)
        return "" if arrived else f"{self.name} did not take it: {said.last or 'Apprise says no more'}"

    def keep_alive(self, standing: Sequence[Alert]) -> None:
        """A message that was sent is there."""

    def close(self) -> None:
        """Nothing is held open."""


class _Said(logging.Handler):
    """What Apprise logs is all that it says about a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last line."""
        self.last = record.getMessage()


def _place(url: str, name: str) -> Any:
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WrongUse("monitoring.apprise needs the Python package apprise; install 'shipworthy[apprise]'") from error
    found = apprise.Apprise()
    if not found.add(url):
        raise WrongUse(
            f"monitoring.apprise: Apprise knows no place of the URL of {name}, which begins with "
            f"{url.partition(':')[0]!r}; expected one of its services, such as mailto:// or json://"
        )
    return found
