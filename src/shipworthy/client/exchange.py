"""One call, without its transport: what to send, how long to wait, when to try again and when to give up. Pure.

A request is sent again where it may have been computed or where it was not: under the same `id`, so that whoever counts
predictions counts it once. The server's `Retry-After` is kept; where nothing is advised, pauses double and are
jittered, so that callers that failed together do not come back together.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from shipworthy.client.errors import NoAnswer, RowsRefused, ServerFailed, UnknownModel
from shipworthy.client.records import Answer, Predictions, Problem
from shipworthy.errors import ShipworthyError, WrongUse

AGAIN = frozenset({408, 429, 502, 503, 504})
_WRONG = frozenset({400, 413, 415, 417, 422, 431})
_ELSEWHERE = frozenset({404, 405})
_LEAST = 0.001  # seconds below which a try is not worth its sending

Row = Mapping[str, Any]
T = TypeVar("T")
Said = TypeVar("Said")  # what a server's answer comes to


@dataclass(frozen=True, slots=True)
class Answered(Generic[Said]):
    """There is an answer."""

    said: Said


@dataclass(frozen=True, slots=True)
class Patience:
    """How a call is tried."""

    seconds: float = 10.0  # for the whole call where it names no deadline
    tries: int = 6
    pause: float = 0.05  # seconds before the second try; doubled for each further one
    longest: float = 2.0  # seconds between two tries, unless the server asks for more


class Asking(ABC, Generic[Said]):
    """The state of one call. `now` is in seconds, of any steady clock."""

    def __init__(self, id: str, body: bytes, deadline: float, patience: Patience) -> None:
        """`deadline` is the instant by which an answer is of use."""
        self.id, self.body = id, body
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

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Answered[Said] | float:
        """The answer, or the seconds to wait before the next try. RowsRefused, UnknownModel, ServerFailed, NoAnswer."""
        if status == 200:
            return Answered(self._read(body))
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

    @abstractmethod
    def _read(self, body: bytes) -> Said:
        """What a server said. ServerFailed."""

    def _given_up(self, why: str) -> NoAnswer:
        last = f"; the last: {self._last}" if self._last else ""
        return NoAnswer(f"no answer to {self.id} after {self.tries} tries: {why}{last}", id=self.id, tries=self.tries)


class Call(Asking[Predictions]):
    """One call that asks for predictions."""

    def __init__(self, rows: Any, id: str, ids: Sequence[str] | None, deadline: float, patience: Patience) -> None:
        """Rows are mappings, or a table of pandas or polars. `deadline` is the instant by which an answer is of use."""
        more = {} if ids is None else {"ids": list(ids)}
        super().__init__(id, _body(rows, id=id, **more), deadline, patience)

    def _read(self, body: bytes) -> Predictions:
        said = _said(body, Answer)
        return Predictions(said.release, said.model, said.predictions, said.id or self.id, self.tries)


class LabelCall(Asking[int]):
    """One call that tells labels; the answer is how many the server took. Sending them again changes nothing."""

    def __init__(self, labels: Any, deadline: float, patience: Patience) -> None:
        """As `Call`."""
        super().__init__("labels", _body(labels), deadline, patience)

    def _read(self, body: bytes) -> int:
        return _said(body, _Taken).labels


class _Taken(msgspec.Struct, frozen=True):
    labels: int


def _said(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServerFailed(f"the answer is not that of a shipworthy server: {error}") from None


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


def _body(rows: Any, **more: Any) -> bytes:
    listed = _listed(rows)
    if not listed:
        raise WrongUse("there is no row to predict: expected at least one")
    try:
        return msgspec.json.encode({"rows": listed, **more}, enc_hook=_plain)
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
