"""What a channel is: a place where alerts are told. The concrete ones stand beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shipworthy.alerts.records import Alert, Event


class Channel(Protocol):
    """A place that alerts are told to, one at a time."""

    name: str  # as the ledger has it: it stays the same for as long as the channel means the same place

    def tell(self, alert: Alert, event: Event) -> str:
        """Tell that an alert opened or is over. Why it did not arrive; "" if it did. Never raises for the network."""
        ...

    def keep_alive(self, standing: Sequence[Alert]) -> None:
        """Called in every step with what is open and was told: some receivers forget what is not repeated."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
