"""An existing ASGI service (FastAPI, Starlette) with this project's prediction log: `RecordPredictions`.

The answer leaves when its prediction stands in the log, or after `wait` seconds without it: the service is never slower
than that, and never fails because the log does. Each of its processes writes a log of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from shipworthy import clock
from shipworthy.dialects.answers import one
from shipworthy.dialects.named import dialect as dialect_of
from shipworthy.dialects.records import Said, decoded
from shipworthy.recording import service as services
from shipworthy.recording.writing import Exchange, ServiceLog, Tally

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ID, ROWS = b"x-prediction-id", b"x-prediction-rows"
LARGEST = 2**20  # bytes of a body that is read


class RecordPredictions:
    """ASGI middleware: `app.add_middleware(RecordPredictions, project="…", path="/score", dialect="row")`."""

    def __init__(  # noqa: PLR0913 - what a user may have to say of a service
        self,
        app: App,
        *,
        project: str | Path,
        model: str | None = None,
        path: str = "/predict",
        dialect: str = "row",
        template: str = "",
        answer: str = "",
        rows: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None,
        answers: Callable[[Any], Iterable[Any]] | None = None,
        id_header: str = "x-request-id",
        wait: float = 0.05,
    ) -> None:
        """`project`: the folder in which `shipworthy adopt-service` was run. NotFound, WrongUse.

        dialect, template, answer: how rows and answers travel, as `shipworthy check --url` names them. rows, answers:
        functions of the decoded bodies in their place; an answer is a number, a class, a list of probabilities, or a
        mapping of class to probability. id_header: the request's header with the caller's own id. wait: seconds.
        """
        folder = Path(project).resolve()
        self._file = services.find(folder) if model is None else services.path_of(folder, model)
        spoken = dialect_of(dialect, services.read(self._file).features, template=template, pointer=answer)
        self.app, self._path, self._wait = app, path, wait
        self._id_header = id_header.lower().encode()
        self._rows: Callable[[bytes], Sequence[Mapping[str, Any]]] = spoken.rows
        self._said: Callable[[bytes], Sequence[Said]] = spoken.said
        if rows is not None:
            self._rows = lambda body: list(rows(decoded(body)))
        if answers is not None:
            self._said = lambda body: [_said(item) for item in answers(decoded(body))]
        self._tally = Tally()
        self._log: ServiceLog | None = None
        self._process = 0

    @property
    def counts(self) -> Counter[str]:
        """Of this process: recorded (rows), refused, unreadable, failed, dropped, late, too long (requests)."""
        return self._tally.counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, self._closing(send))
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == self._path:
            going = _Going(self, scope, receive, send)
            try:
                await self.app(scope, going.receive, going.send)
            finally:
                if not going.refused:
                    self._opened().took(going.took)
        else:
            await self.app(scope, receive, send)

    async def record(self, exchange: _Going) -> list[tuple[bytes, bytes]]:
        """Have an exchange written; the headers that name its predictions, () where they are not known in time."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[tuple[str, int]] = loop.create_future()

        def done(first: str, rows: int) -> None:
            loop.call_soon_threadsafe(_settle, written, (first, rows))

        ids = [value for name, value in exchange.scope["headers"] if name == self._id_header]
        id_ = ids[0].decode("latin-1")[:256] if ids else None
        put = self._opened().put(
            Exchange(exchange.arrived, bytes(exchange.request), bytes(exchange.answer), exchange.refused, id_, done)
        )
        if not put or exchange.refused:
            return []
        try:
            first, rows = await asyncio.wait_for(asyncio.shield(written), self._wait)
        except TimeoutError:
            self._tally.count("late", f"the log took longer than {self._wait:g} s: the answer left without its id")
            return []
        return [(ID, first.encode()), (ROWS, b"%d" % rows)] if first else []

    def left_out(self) -> None:
        """Count an exchange whose body is too long to be read."""
        self._tally.count("too long", f"a body of more than {LARGEST:,} bytes is not recorded")

    def _opened(self) -> ServiceLog:
        """The log of this process; a worker that was forked begins its own."""
        if self._log is None or self._process != os.getpid():
            self._process = os.getpid()
            self._log = ServiceLog(self._file, self._rows, self._said, self._tally)
            atexit.register(self._log.close)
        return self._log

    def _closing(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown") and self._log is not None:
                log, self._log = self._log, None
                atexit.unregister(log.close)
                await asyncio.get_running_loop().run_in_executor(None, log.close)
            await send(message)

        return sending


class _Going:
    """One request on its way through: what was read, and an answer held back until it is recorded."""

    def __init__(self, owner: RecordPredictions, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.arrived = scope, clock.now()
        self._began, self._left = time.perf_counter_ns(), 0  # 0: no answer has left yet
        self.request, self.answer = bytearray(), bytearray()
        self.refused = False
        self._owner, self._receive, self._send = owner, receive, send
        self._start: Message | None = None  # held back
        self._reading = True  # False: too long, or no answer to record
        self._whole = False  # the request has been read

    @property
    def took(self) -> int:
        """Ns that the caller waited: from the request's last byte until the answer had left, or the service gave up."""
        return (self._left or time.perf_counter_ns()) - self._began

    async def receive(self) -> Message:
        """ASGI."""
        message = await self._receive()
        if message["type"] == "http.request" and not self._whole:
            self._whole = not message.get("more_body")
            self._began = time.perf_counter_ns()  # a slow caller is not a slow service
        if message["type"] == "http.request" and self._reading:
            self.request += message.get("body", b"")
            if len(self.request) > LARGEST:
                self._reading = False
                self._owner.left_out()
        return message

    async def send(self, message: Message) -> None:
        """ASGI."""
        if message["type"] == "http.response.start":
            status = message["status"]
            self.refused = 400 <= status < 500
            self._reading = self._reading and (status == 200 or self.refused)
            if self._reading:
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            await self._body(message)
            return
        await self._passed(message)

    async def _body(self, message: Message) -> None:
        self.answer += message.get("body", b"")
        too_long = len(self.answer) > LARGEST
        if message.get("more_body") and not too_long:
            return
        start, self._start = self._start, None
        assert start is not None
        headers = []
        if too_long:
            self._owner.left_out()
        else:
            headers = await self._owner.record(self)
        await self._send({**start, "headers": [*start.get("headers", ()), *headers]})
        await self._passed({**message, "body": bytes(self.answer)})

    async def _passed(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._left = time.perf_counter_ns()  # before what the service does in the background


def _said(item: Any) -> Said:
    if isinstance(item, Mapping):
        return Said(probabilities=tuple(map(float, item.values())), classes=tuple(map(str, item)))
    return one(item)


def _settle(future: asyncio.Future[tuple[str, int]], value: tuple[str, int]) -> None:
    if not future.done():
        future.set_result(value)
