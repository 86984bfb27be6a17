"""Prediction ids: where an answer stands in the logs, so that an id alone finds its release, log and row."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shipworthy.errors import NotFound

SOURCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ID = re.compile(rf"(\d+)-({SOURCE.pattern})-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class PredictionId:
    """One answered row: `<release>-<source>-<segment>-<offset>-<row>`."""

    release: int
    source: str  # who wrote the log; never used twice
    segment: int
    offset: int  # of the record in its segment, bytes
    row: int  # within the record

    def __str__(self) -> str:
        return f"{self.release}-{self.source}-{self.segment}-{self.offset}-{self.row}"


def prefix(release: int, source: str, segment: int) -> str:
    """What the ids of one segment begin with; `<prefix><offset>-<row>` is an id."""
    return f"{release}-{source}-{segment}-"


def parse(text: str) -> PredictionId:
    """The parts of a prediction id. NotFound if it is none."""
    match = _ID.fullmatch(text)
    if match is None:
        raise NotFound(f"{text!r} is not a prediction id; one looks like 3-w0-dk2m9x1c-0-8816-0")
    return PredictionId(int(match[1]), match[2], int(match[4]), int(match[5]), int(match[6]))
