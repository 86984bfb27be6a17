"""Which path is what, for one release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from shipworthy import __version__
from shipworthy.predictions.label_log import LabelLog
from shipworthy.serving.answer import Answer
from shipworthy.serving.labels import LabelTaker
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


@dataclass(frozen=True, slots=True)
class Order:
    """Something that is done with a body, without the model."""

    do: Callable[[bytes | bytearray], Reply]


class Routes:
    """Finds what a request asks for. `ready` says why the worker should get no traffic, "" if it should.

    Where the server has this model alone, it answers under short paths as well.
    """

    def __init__(
        self,
        live: Live,
        metrics: Path,
        ready: Callable[[], str],
        labels: LabelLog | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._live, self._ready = live, ready
        self._orders: dict[bytes, Order] = {}
        if labels is not None:
            taker = LabelTaker(live.model, live.description.classes, labels)
            self._orders[own_path(live.model) + b"/labels"] = Order(taker.take)
            if alone:
                self._orders[b"/labels"] = Order(taker.take)
        self._asks: dict[bytes, Dialect] = {}
        self._pages: dict[bytes, Page] = {}
        for base in _bases(live):
            self._asks[base + b"/infer"] = live.open_inference
            self._pages[base] = _json(metadata(live.description, live.number))
            self._pages[base + b"/ready"] = Page(self._model_ready)
        own = own_path(live.model)
        self._asks[own + b"/predict"] = live.native
        self.predict = frozenset({own + b"/predict", b"/predict"} if alone else {own + b"/predict"})
        start = _json(start_page(live, alone=alone))
        described = _json(document(live.contract, live.description, live.number, alone=alone))
        self._pages[own] = start
        self._pages[own + b"/openapi.json"] = described
        if alone:
            self._asks[b"/predict"] = live.native
            self._pages |= server_pages(metrics, ready)
            self._pages[b"/openapi.json"] = described
            self._pages[b"/"] = start
            self._pages[INDEX] = _json([{"name": live.model, "version": str(live.number), "state": "READY"}])

    def find(self, method: bytes, target: bytes) -> Dialect | Page | Order:
        """What a request is for. Problem 404, 405."""
        asked = self._asks.get(target)
        if asked is not None and method == b"POST":
            return asked
        path = target.partition(b"?")[0]
        to_post: Dialect | Order | None = self._asks.get(path) or self._orders.get(path)
        page = self._pages.get(path)
        if to_post is not None:
            if method != b"POST":
                raise NotAllowed(method, b"POST")
            return to_post
        if page is None:
            raise Problem(404, self._unknown(path))
        return readable(page, method, path)

    def _unknown(self, path: bytes) -> str:
        shown = path.decode("latin-1")[:200]
        if path.startswith(b"/v2/models/"):
            live = self._live
            return f"{shown}: this server has model {live.model}, version {live.number}"
        return f"there is no {shown}; GET / lists what there is"

    def _model_ready(self) -> Reply:
        failure = self._ready()
        name = {"name": self._live.model, "ready": not failure}
        return reply_of(name) if not failure else Reply(503, _encode({**name, "error": failure}))


class NotAllowed(Problem):
    """A path that is there, but not for this method."""

    def __init__(self, method: bytes, allowed: bytes) -> None:
        super().__init__(405, f"{method.decode('latin-1')} is not for this path: expected {allowed.decode()}")
        self.extra = b"allow: %b\r\n" % allowed


INDEX = b"/v2/repository/index"  # also asked for by POST: the protocol's clients do

_encode = msgspec.json.encode


def server_pages(metrics: Path, ready: Callable[[], str]) -> dict[bytes, Page]:
    """What any server tells of itself, whichever models it has."""

    def health() -> Reply:
        failure = ready()
        return reply_of({"ready": True}) if not failure else Reply(503, _encode({"ready": False, "error": failure}))

    about = _json(
        {"name": "shipworthy", "version": __version__, "extensions": ["binary_tensor_data", "model_repository"]}
    )
    return {
        b"/v2": about,
        b"/v2/": about,
        b"/v2/health/live": _json({"live": True}),
        b"/v2/health/ready": Page(health),
        b"/metrics": Page(lambda: Reply(200, exposition(metrics), PROMETHEUS)),
    }


def readable(page: Page, method: bytes, path: bytes) -> Page:
    """A page, if it may be asked for so. NotAllowed."""
    if method in (b"GET", b"HEAD") or (method == b"POST" and path == INDEX):
        return page
    raise NotAllowed(method, b"GET, HEAD, POST" if path == INDEX else b"GET, HEAD")


def reply_of(content: Any) -> Reply:
    """200 with JSON."""
    return Reply(200, _encode(content))


def _json(content: Any) -> Page:
    made = reply_of(content)
    return Page(lambda: made)


def own_path(model: str) -> bytes:
    """Where a model is asked in the project's own format, and described."""
    return b"/models/" + quote(model, safe="").encode()


def protocol_path(model: str) -> bytes:
    """Where a model is asked by the Open Inference Protocol."""
    return b"/v2/models/" + quote(model, safe="").encode()


def _bases(live: Live) -> list[bytes]:
    model = protocol_path(live.model)
    return [model, model + b"/versions/" + str(live.number).encode()]


def start_page(live: Live, *, alone: bool) -> dict[str, Any]:
    """What there is to ask of a model."""
    base, own = f"/v2/models/{quote(live.model, safe='')}", "" if alone else own_path(live.model).decode()
    return {
        "model": live.model,
        "release": live.number,
        "decision": live.contract.purpose.decision,
        "owner": live.contract.purpose.owner,
        "paths": {
            "predict": f"POST {own}/predict",
            "infer": f"POST {base}/infer",
            "labels": f"POST {own}/labels",
            "metadata": f"GET {base}",
            "live": "GET /v2/health/live",
            "ready": "GET /v2/health/ready",
            "metrics": "GET /metrics",
            "openapi": f"GET {own}/openapi.json",
        },
    }
