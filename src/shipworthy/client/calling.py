"""Clients for programs that wait and for programs that do not. Both leave every decision to `exchange`."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from shipworthy.client.exchange import Answered, Asking, Call, LabelCall, Patience, Said
from shipworthy.client.records import Prediction, Predictions
from shipworthy.errors import WrongUse

PATIENCE = Patience()


def _by(deadline: float | None, patience: Patience) -> float:
    """The instant by which an answer is of use. WrongUse."""
    seconds = patience.seconds if deadline is None else deadline
    if not seconds > 0:
        raise WrongUse(f"deadline = {deadline}: expected seconds, more than 0")
    return time.monotonic() + seconds


def _call(rows: Any, id: str | None, ids: Sequence[str] | None, deadline: float | None, patience: Patience) -> Call:
    return Call(rows, id or uuid.uuid4().hex, ids, _by(deadline, patience), patience)


def _base(url: str) -> str:
    parts = httpx.URL(url)
    if parts.scheme not in ("http", "https") or not parts.host:
        raise WrongUse(f"{url!r} is no server's address: expected one such as http://127.0.0.1:8080")
    return url.rstrip("/").removesuffix("/predict")


class Client:
    """Asks one server. Keeps its connections; safe for several threads. A context manager, or `close()` it."""

    def __init__(self, url: str, *, patience: Patience = PATIENCE, headers: dict[str, str] | None = None) -> None:
        """`url` is the server's, as in "http://127.0.0.1:8080". WrongUse."""
        self._url, self._patience = _base(url), patience
        self._http = httpx.Client(headers=headers, trust_env=False)

    def predict(
        self, rows: Any, *, id: str | None = None, ids: Sequence[str] | None = None, deadline: float | None = None
    ) -> Predictions:
        """Predictions for a row (a mapping), several, or a data frame, in their order.

        id: the request's, recorded with a single row's prediction; made up if not given. ids: one a row. deadline:
        seconds from now within which an answer is of use, tries included. RowsRefused, UnknownModel, ServerFailed, and
        NoAnswer where it is not known whether the prediction was made.
        """
        call = _call(rows, id, ids, deadline, self._patience)
        return self._ask(self._url + "/predict", call)

    def label(self, labels: Any, *, deadline: float | None = None) -> int:
        """Tell what turned out to be true; how many labels the server took. Sending them again changes nothing.

        labels: mappings with `prediction_id` or `id`, `value`, and `known_at` where it is known when; or a data frame.
        The same errors as `predict`.
        """
        call = LabelCall(labels, _by(deadline, self._patience), self._patience)
        return self._ask(self._url + "/labels", call)

    def predict_one(self, row: Any, *, id: str | None = None, deadline: float | None = None) -> Prediction:
        """The prediction for one row; as `predict`."""
        return self.predict([row], id=id, deadline=deadline)[0]

    def _ask(self, url: str, call: Asking[Said]) -> Said:
        """What the server says at last."""
        while True:
            left = call.left(time.monotonic())
            try:
                got = self._http.post(url, content=call.body, headers=call.headers(left), timeout=left)
            except httpx.TransportError as error:
                outcome: Answered[Said] | float = call.broken(error, time.monotonic())
            else:
                outcome = call.answered(got.status_code, got.headers, got.content, time.monotonic())
            if isinstance(outcome, Answered):
                return outcome.said
            time.sleep(outcome)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """Asks one server from an event loop. An asynchronous context manager, or `await aclose()` it."""

    def __init__(self, url: str, *, patience: Patience = PATIENCE, headers: dict[str, str] | None = None) -> None:
        """As Client."""
        self._url, self._patience = _base(url), patience
        self._http = httpx.AsyncClient(headers=headers, trust_env=False)

    async def predict(
        self, rows: Any, *, id: str | None = None, ids: Sequence[str] | None = None, deadline: float | None = None
    ) -> Predictions:
        """As Client.predict."""
        call = _call(rows, id, ids, deadline, self._patience)
        return await self._ask(self._url + "/predict", call)

    async def label(self, labels: Any, *, deadline: float | None = None) -> int:
        """As Client.label."""
        call = LabelCall(labels, _by(deadline, self._patience), self._patience)
        return await self._ask(self._url + "/labels", call)

    async def predict_one(self, row: Any, *, id: str | None = None, deadline: float | None = None) -> Prediction:
        """As Client.predict_one."""
        return (await self.predict([row], id=id, deadline=deadline))[0]

    async def _ask(self, url: str, call: Asking[Said]) -> Said:
        """What the server says at last."""
        while True:
            left = call.left(time.monotonic())
            try:
                got = await self._http.post(url, content=call.body, headers=call.headers(left), timeout=left)
            except httpx.TransportError as error:
                outcome: Answered[Said] | float = call.broken(error, time.monotonic())
            else:
                outcome = call.answered(got.status_code, got.headers, got.content, time.monotonic())
            if isinstance(outcome, Answered):
                return outcome.said
            await asyncio.sleep(outcome)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
