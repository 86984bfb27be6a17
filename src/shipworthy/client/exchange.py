"""One call, without its transport: what to send, how long to wait, when to try again and when to give up. Pure.

A request is sent again where it may have been computed or where it was not: under the same `id`, so that whoever counts
predictions counts it once. The server's `Retry-After` is kept; where nothing is advised, pauses double and are
jittered, so that callers that failed together do not come back together.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shipworthy.client.errors import NoAnswer, RowsRefused, ServerFailed, UnknownModel
from shipworthy.client.records import Answer, Predictions, Problem
from shipworthy.errors import ShipworthyError, WrongUse

AGAIN = frozenset({408, 429, 502, 503, 504})
_WRONG = frozenset({400, 413, 415, 417, 422, 431})
_ELSEWHERE = frozenset({404, 405})
_LEAST = 0.001  # seconds below which a try is not worth its sending

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """How a call is tried."""

    seconds: float = 10.0  # for the whole call where it names no deadline
    tries: int = 6
    pause: float = 0.05  # seconds before the second try; doubled for each further one
    longest: float = 2.0  # seconds between two tries, unless the server asks for more


class Call:
    """The state of one call. `now` is in seconds, of any steady clock."""

    def __init__(self, rows: Any, id: str, ids: Sequence[str] | None, deadline: float, patience: Patience) -> None:
        """Rows are mappings, or a table of pandas or polars. `deadline` is the instant by which an answer is of use."""
        self.id = id
        self.body = _body(rows, id, ids)
        self.tries = 0
        self._deadline, self._patience = deadline, patience
        self._last = ""

    def left(self, now: float) -> float:
        """Seconds for the next try. NoAnswer where there are none."""
        left = self._deadline - now
        if left < _LEAST:
            raise self._given_up("no time is left")
        self.tries += 1
        return left

    @staticmethod
    def headers(left: float) -> dict[str, str]:
        """The server refuses at once what it cannot answer in time."""
        return {"content-type": "application/json", "x-deadline-ms": f"{1000 * left:.3f}"}

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Predictions | float:
        """The answer, or the seconds to wait before the next try. RowsRefused, UnknownModel, ServerFailed, NoAnswer."""
        if status == 200:
            return self._read(body)
        return self.refused(status, headers, body, now)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> float:
        """The seconds to wait after an answer that is none. RowsRefused, UnknownModel, ServerFailed, NoAnswer."""
        if status not in AGAIN:
            raise _error(status, body)
        self._last = f"{status}: {_problem(body).error}"
        return self._pause(now, _advised(headers.get("retry-after", "")))

    def broken(self, error: Exception, now: float) -> float:
        """The seconds to wait after a connection that failed or broke. NoAnswer."""
        self._last = f"{type(error).__name__}: {error}".rstrip(": ")
        return self._pause(now, 0.0)

    def _pause(self, now: float, advised: float) -> float:
        patience = self._patience
        if self.tries >= patience.tries:
            raise self._given_up(f"all {patience.tries} tries failed")
        usual: float = min(patience.longest, patience.pause * 2 ** (self.tries - 1))
        pause: float = max(advised, usual * random.uniform(0.5, 1.0))
        if now + pause + _LEAST >= self._deadline:
            raise self._given_up(f"the next try would be in {pause:.2f} s, after the deadline")
        return pause

    def _read(self, body: bytes) -> Predictions:
        try:
            said = msgspec.json.decode(body, type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServerFailed(f"the answer is not that of a shipworthy server: {error}") from None
        return Predictions(said.release, said.model, said.predictions, said.id or self.id, self.tries)

    def _given_up(self, why: str) -> NoAnswer:
        last = f"; the last: {self._last}" if self._last else ""
        return NoAnswer(f"no answer to {self.id} after {self.tries} tries: {why}{last}", id=self.id, tries=self.tries)


class LabelCall(Call):
    """The state of one call that tells labels; sending them again changes nothing."""

    def __init__(self, labels: Any, deadline: float, patience: Patience) -> None:
        """As `Call`."""
        super().__init__(labels, "labels", None, deadline, patience)
        self.body = msgspec.json.encode({"rows": _listed(labels)}, enc_hook=_plain)

    @staticmethod
    def taken(body: bytes) -> int:
        """How many the server took."""
        try:
            return msgspec.json.decode(body, type=_Taken).labels
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServerFailed(f"the answer is not that of a shipworthy server: {error}") from None


class _Taken(msgspec.Struct, frozen=True):
    labels: int


def _error(status: int, body: bytes) -> ShipworthyError:
    problem = _problem(body)
    if status in _WRONG:
        return RowsRefused(problem.error, problem.violations)
    if status in _ELSEWHERE:
        return UnknownModel(f"{status}: {problem.error}")
    return ServerFailed(f"{status}: {problem.error}")


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem(body[:200].decode(errors="replace"))


def _advised(text: str) -> float:
    """Seconds of Retry-After; 0 for none, or a date, which this server never sends."""
    return float(text) if text.isdecimal() else 0.0


def _body(rows: Any, id: str, ids: Sequence[str] | None) -> bytes:
    listed = _listed(rows)
    if not listed:
        raise WrongUse("there is no row to predict: expected at least one")
    asked: dict[str, Any] = {"rows": listed, "id": id}
    if ids is not None:
        asked["ids"] = list(ids)
    try:
        return msgspec.json.encode(asked, enc_hook=_plain)
    except (TypeError, OverflowError) as error:
        raise WrongUse(f"the rows cannot be written as JSON: {error}") from None


def _listed(rows: Any) -> list[Row]:
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "to_dicts"):  # polars
        return list(rows.to_dicts())
    if hasattr(rows, "to_dict"):  # pandas
        return list(rows.to_dict("records"))
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise WrongUse(f"rows are {type(rows).__name__}: expected a mapping, a list of mappings, or a data frame")
    strange = next((row for row in rows if not isinstance(row, Mapping)), None)
    if strange is not None:
        raise WrongUse(f"a row is {type(strange).__name__}: expected a mapping of feature to value")
    return list(rows)


def _plain(value: Any) -> Any:
    """Scalars of NumPy and timestamps of pandas, without importing either."""
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
