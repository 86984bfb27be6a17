"""What supervisor and worker say to each other: one JSON object a line, over a socket pair."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True, tag_field="do"):
    """From the supervisor."""


class Swap(Order, frozen=True, tag="swap"):
    """Answer with another release, loaded beside the one that answers meanwhile."""

    folder: str


class Drain(Order, frozen=True, tag="drain"):
    """Finish what was read, and end."""


class Report(msgspec.Struct, frozen=True, tag_field="is"):
    """From a worker."""


class Ready(Report, frozen=True, tag="ready"):
    """It answers, from now on with this release; 0 where it has many models."""

    release: int
    source: str  # of its log
    seconds: float = 0.0  # that it took to verify, load and warm up the release


class Unable(Report, frozen=True, tag="unable"):
    """It could not start with a release, or not swap to it (then the one before goes on answering)."""

    error: str
    kind: str  # the error's class
    folder: str


Message = Ready | Unable

decode_order = msgspec.json.Decoder(Swap | Drain).decode
decode_report = msgspec.json.Decoder(Message).decode


def line(message: Order | Report) -> bytes:
    """A message as it is sent."""
    return msgspec.json.encode(message) + b"\n"
