"""POST /labels: what turned out to be true, taken by prediction id or by the caller's own, written before it answers.

Whether a prediction of that id exists is not asked here: its row may be another worker's, or not recorded yet.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from shipworthy import clock
from shipworthy.models.answers import Class
from shipworthy.predictions.label_log import Label, LabelLog
from shipworthy.serving.problems import Overloaded, Problem, Violation
from shipworthy.serving.responses import Reply

MOST = 10_000  # labels a request
_LONGEST = 256  # characters of an id
_SHOWN = 20  # violations
_TARGETS = "a prediction's id, or the caller's own, as text of 1 to 256 characters"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str | int | float | bool
    prediction_id: str | None = None
    id: str | None = None
    known_at: str | int | None = None  # ISO 8601, or ns since 1970


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: list[_Row]


_decode = msgspec.json.Decoder(_Request).decode


class LabelTaker:
    """Takes the labels of one model. `classes` are those of the release that answers; () for a regression."""

    def __init__(self, model: str, classes: tuple[Class, ...], log: LabelLog) -> None:
        self._model, self._classes, self._log = model, classes, log

    def take(self, body: bytes | bytearray) -> Reply:
        """Check and write; all of a request's labels or none. Problem 400, 422, 503."""
        rows, now = self._read(body), clock.now()
        labels: list[Label] = []
        wrong: list[Violation] = []
        for number, row in enumerate(rows):
            taken = self._label(number, row, now)
            if isinstance(taken, Label):
                labels.append(taken)
            elif len(wrong) < _SHOWN:
                wrong.append(taken)
        if wrong:
            raise Problem(422, f"labels that break the contract, none of them is taken: {wrong[0]}", tuple(wrong))
        try:
            self._log.append(labels)
        except OSError as error:
            raise Overloaded(f"labels cannot be written: {error}", "log") from None
        return Reply(200, msgspec.json.encode({"model": self._model, "labels": len(labels)}))

    def _read(self, body: bytes | bytearray) -> list[_Row]:
        try:
            rows = _decode(body).rows
        except msgspec.ValidationError as error:
            raise Problem(422, f'expected {{"rows": [{{"id": …, "value": …}}]}}: {error}') from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, f"the body is not JSON: {error}") from None
        if not 1 <= len(rows) <= MOST:
            raise Problem(422, f"{len(rows):,} labels: expected 1 to {MOST:,} a request")
        return rows

    def _label(self, number: int, row: _Row, now: int) -> Label | Violation:
        key = row.id if row.prediction_id is None else row.prediction_id
        if key is None or (row.id is not None and row.prediction_id is not None):
            return Violation(number, "id", None, f"one of id and prediction_id: {_TARGETS}")
        if not 1 <= len(key) <= _LONGEST:
            return Violation(number, "id", key[:40], _TARGETS)
        value = self._value(row.value)
        if value is None:
            return Violation(number, "value", row.value, self._expected())
        known = now if row.known_at is None else _instant(row.known_at)
        if known is None:
            return Violation(number, "known_at", row.known_at, "ISO 8601 text, or whole nanoseconds since 1970")
        if known > now + clock.AHEAD:  # a label settles windows up to when it became known
            return Violation(number, "known_at", row.known_at, f"an instant up to now, {clock.to_iso(now)[:19]}Z")
        return Label(key, value, known, now)

    def _value(self, value: Any) -> Class | None:
        if self._classes:
            return next((name for name in self._classes if name == value), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None

    def _expected(self) -> str:
        if not self._classes:
            return "a number"
        return "one of the classes " + ", ".join(msgspec.json.encode(name).decode() for name in self._classes)


def _instant(said: str | int) -> int | None:
    try:
        found = said if isinstance(said, int) else clock.from_iso(said)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < 2**63 else None
