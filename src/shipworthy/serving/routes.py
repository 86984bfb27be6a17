"""Which path is what, for one release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from shipworthy import __version__
from shipworthy.serving.answer import Answer
from shipworthy.serving.live import Live
from shipworthy.serving.metrics import exposition
from shipworthy.serving.open_inference import metadata
from shipworthy.serving.openapi import document
from shipworthy.serving.problems import Problem
from shipworthy.serving.responses import PROMETHEUS, Reply
from shipworthy.serving.rows import Call


class Dialect(Protocol):
    """A way of asking for predictions."""

    plain_errors: bool

    def read(self, body: bytes | bytearray, described: int | None = None) -> Call:
        """The checked rows of a request, `described` bytes of whose body are JSON. Problem."""
        ...

    def write(self, call: Call, answer: Answer) -> Reply:
        """The answer."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Something that is read, not predicted."""

    make: Callable[[], Reply]


class Routes:
    """Finds what a request asks for. `ready` says why the worker should get no traffic, "" if it should."""

    def __init__(self, live: Live, metrics: Path, ready: Callable[[], str]) -> None:
        self._live, self._metrics, self._ready = live, metrics, ready
        self._asks: dict[bytes, Dialect] = {b"/predict": live.native}
        self._pages: dict[bytes, Page] = {}
        for base in _bases(live):
            self._asks[base + b"/infer"] = live.open_inference
            self._pages[base] = _json(metadata(live.description, live.number))
            self._pages[base + b"/ready"] = Page(self._model_ready)
        self._pages[b"/v2"] = self._pages[b"/v2/"] = _json(
            {"name": "shipworthy", "version": __version__, "extensions": ["binary_tensor_data"]}
        )
        self._pages[b"/v2/health/live"] = _json({"live": True})
        self._pages[b"/v2/health/ready"] = Page(self._server_ready)
        self._pages[b"/metrics"] = Page(lambda: Reply(200, exposition(self._metrics), PROMETHEUS))
        self._pages[b"/openapi.json"] = _json(document(live.contract, live.description, live.number))
        self._pages[b"/"] = _json(_start_page(live))

    def find(self, method: bytes, target: bytes) -> Dialect | Page:
        """What a request is for. Problem 404, 405."""
        asked = self._asks.get(target)
        if asked is not None and method == b"POST":
            return asked
        path = target.partition(b"?")[0]
        asked, page = self._asks.get(path), self._pages.get(path)
        if asked is not None:
            if method != b"POST":
                raise NotAllowed(method, b"POST")
            return asked
        if page is None:
            raise Problem(404, self._unknown(path))
        if method not in (b"GET", b"HEAD"):
            raise NotAllowed(method, b"GET, HEAD")
        return page

    def _unknown(self, path: bytes) -> str:
        shown = path.decode("latin-1")[:200]
        if path.startswith(b"/v2/models/"):
            live = self._live
            return f"{shown}: this server has model {live.model}, version {live.number}"
        return f"there is no {shown}; GET / lists what there is"

    def _server_ready(self) -> Reply:
        failure = self._ready()
        return _reply({"ready": True}) if not failure else Reply(503, _encode({"ready": False, "error": failure}))

    def _model_ready(self) -> Reply:
        failure = self._ready()
        name = {"name": self._live.model, "ready": not failure}
        return _reply(name) if not failure else Reply(503, _encode({**name, "error": failure}))


class NotAllowed(Problem):
    """A path that is there, but not for this method."""

    def __init__(self, method: bytes, allowed: bytes) -> None:
        super().__init__(405, f"{method.decode('latin-1')} is not for this path: expected {allowed.decode()}")
        self.extra = b"allow: %b\r\n" % allowed


_encode = msgspec.json.encode


def _reply(content: Any) -> Reply:
    return Reply(200, _encode(content))


def _json(content: Any) -> Page:
    made = _reply(content)
    return Page(lambda: made)


def _bases(live: Live) -> list[bytes]:
    model = b"/v2/models/" + quote(live.model, safe="").encode()
    return [model, model + b"/versions/" + str(live.number).encode()]


def _start_page(live: Live) -> dict[str, Any]:
    base = f"/v2/models/{quote(live.model, safe='')}"
    return {
        "model": live.model,
        "release": live.number,
        "decision": live.contract.purpose.decision,
        "owner": live.contract.purpose.owner,
        "paths": {
            "predict": "POST /predict",
            "infer": f"POST {base}/infer",
            "metadata": f"GET {base}",
            "live": "GET /v2/health/live",
            "ready": "GET /v2/health/ready",
            "metrics": "GET /metrics",
            "openapi": "GET /openapi.json",
        },
    }
