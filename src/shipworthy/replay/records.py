"""What a replay found, as frozen records. Instants are ns since 1970, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.contract.records import Metric, Task
from shipworthy.counts.reference import Regime
from shipworthy.monitoring.records import Alarm, Quality, WindowEvidence

VERSION = 1
NEAR = 30  # windows after an alarm within which a fall of quality counts as one that it spoke before

Relation = Literal["before", "after", "none", "unknown"]


class Columns(msgspec.Struct, frozen=True):
    """Which column of the log is what."""

    time: str
    answer: str
    task: Task
    label: str | None
    classes: tuple[str, ...]  # labels as text, in the order of the answers; () for a regression
    features: tuple[str, ...]


class ReferencePart(msgspec.Struct, frozen=True):
    """What the log was held against."""

    words: str
    rows: int
    windows: int  # 0: without times
    first: int | None  # start of its first window
    quality: float | None  # the metric, as the mean of its windows by rows; None without labels
    labelled: int


class Fall(msgspec.Struct, frozen=True):
    """A time in which labels say that the answers were worse than on the reference."""

    since: int  # start of the window from which on the evidence grew
    known: int  # end of the window after which it was sure
    ended: int | None  # end of the window after which it was not any more
    worse_by: float  # in the window that made it sure


class Told(msgspec.Struct, frozen=True):
    """An alarm, and what quality did."""

    alarm: Alarm
    relation: Relation  # it came before a fall of quality (at most NEAR windows), after one began, or there was none
    windows: int | None  # between the alarm and the fall that it came before, or after
    quality_before: float | None  # mean of the windows before the drift seems to have begun, by labelled rows
    quality_since: float | None  # and from there to NEAR windows after the alarm


class Compared(msgspec.Struct, frozen=True):
    """What another rule would have said of the same windows."""

    rule: str
    words: str
    pages: int  # windows in which it fires
    runs: int  # the same, windows in a row taken as one
    first: int | None  # end of the first of them
    before: int  # pages at most NEAR windows before a fall of quality was known
    after: int  # pages while quality was known to have fallen
    none: int  # the rest


class Replay(msgspec.Struct, frozen=True):
    """A log, watched as it would have been."""

    version: int
    log: str
    identity: str  # of its rows
    rows: int
    newest: int
    columns: Columns
    metric: Metric | None
    reference: ReferencePart
    window: int  # ns
    drift: float
    false_alarms: float  # a year
    regimes: tuple[Regime, ...]
    cannot: tuple[str, ...]  # what this reference cannot promise
    notes: tuple[str, ...]  # rows and columns that were left out, guesses
    evidence: tuple[WindowEvidence, ...]
    quality: tuple[Quality, ...]
    alarms: tuple[Told, ...]  # oldest first
    falls: tuple[Fall, ...]
    compared: tuple[Compared, ...]
