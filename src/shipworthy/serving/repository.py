"""What a server with many models tells of them, and takes orders for: the protocol's model repository extension."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from shipworthy.serving.openapi import overview
from shipworthy.serving.problems import NO_JSON, Overloaded, Problem, malformed
from shipworthy.serving.responses import PROMETHEUS, Reply
from shipworthy.serving.routes import INDEX, NotAllowed, Page, own_path, readable, reply_of, server_pages
from shipworthy.serving.tenant import Tenant

MODELS = b"/v2/repository/models/"
METRICS = b"/metrics"


class Shelf(Protocol):
    """Where models are loaded and unloaded."""

    async def load(self, tenant: Tenant) -> None:
        """Returns once it is loaded. Raises what keeps it from that."""
        ...

    def unload(self, tenant: Tenant) -> None:
        """Give its memory back."""
        ...

    async def figures(self) -> bytes:
        """All workers' figures as text."""
        ...


Order = Callable[[Shelf], Awaitable[Reply]]  # what takes its time


class _Filter(msgspec.Struct):
    ready: bool = False  # only models that are loaded


class _Wish(msgspec.Struct):
    parameters: dict[str, Any] = {}


class Repository:
    """Finds what a request wants to know, or wants done, that no loaded model answers itself."""

    def __init__(self, tenants: Mapping[str, Tenant], metrics: Path, ready: Callable[[], str]) -> None:
        self._tenants, self._ready = tenants, ready
        self._pages = server_pages(metrics, ready)
        self._pages[b"/"] = Page(self._start_page)
        self._pages[b"/openapi.json"] = Page(lambda: reply_of(overview(list(self._tenants))))

    def find(self, method: bytes, target: bytes, body: bytes | bytearray) -> Page | Order:
        """A page, or what has to be done before there is an answer. Problem 400, 404, 405, 422."""
        path = target.partition(b"?")[0]
        if path == INDEX:
            loaded_only = method == b"POST" and _read(body, _Filter).ready
            return readable(Page(lambda: reply_of(self._index(loaded_only=loaded_only))), method, path)
        if path.startswith(MODELS):
            return self._order(method, path, body)
        if path.startswith((b"/v2/models/", b"/models/")):
            return readable(self._readiness(path), method, path)
        page = self._pages.get(path)
        if page is None:
            raise Problem(404, f"there is no {_shown(path)}; GET / lists what there is")
        readable(page, method, path)
        return _figures if path == METRICS else page

    def _order(self, method: bytes, path: bytes, body: bytes | bytearray) -> Order:
        name, _, what = path.removeprefix(MODELS).partition(b"/")
        tenant = self._named(name)
        if tenant is None or what not in (b"load", b"unload"):
            raise self._unknown(path)
        if method != b"POST":
            raise NotAllowed(method, b"POST")
        unknown = sorted(_read(body, _Wish).parameters.keys() - {"unload_dependents"})
        if unknown:
            raise Problem(422, f"parameters has {', '.join(unknown)}: a release is loaded as it was signed, or not")

        async def load(shelf: Shelf) -> Reply:
            await shelf.load(tenant)
            return reply_of({"name": tenant.hosted.model, "load": True})

        async def unload(shelf: Shelf) -> Reply:
            shelf.unload(tenant)
            return reply_of({"name": tenant.hosted.model, "unload": True})

        return load if what == b"load" else unload

    def _readiness(self, path: bytes) -> Page:
        """Whether a model that is not loaded can be asked: it is loaded then."""
        name = path.removeprefix(b"/v2/models/").partition(b"/")[0]
        tenant = self._named(name)
        if tenant is None or path not in tenant.paths or not path.endswith(b"/ready"):
            raise self._unknown(path)
        failure = self._ready() or tenant.failure
        if failure:
            raise Overloaded(failure, "loading")
        return Page(lambda: reply_of({"name": tenant.hosted.model, "ready": True}))

    def _named(self, quoted: bytes) -> Tenant | None:
        return next((one for one in self._tenants.values() if own_path(one.hosted.model) == b"/models/" + quoted), None)

    def _unknown(self, path: bytes) -> Problem:
        parts = path.split(b"/")
        names = [tenant for part in parts if (tenant := self._named(part)) is not None]
        if names:
            one = names[0].hosted
            return Problem(404, f"{_shown(path)}: this server has model {one.model}, version {one.number}")
        return Problem(404, f"{_shown(path)}: this server has no such model; GET {INDEX.decode()} lists those it has")

    def _index(self, *, loaded_only: bool) -> list[dict[str, str]]:
        states = [_state(tenant) for tenant in self._tenants.values()]
        return [state for state in states if state["state"] == "READY" or not loaded_only]

    def _start_page(self) -> Reply:
        paths = {name: f"GET {own_path(name).decode()}" for name in self._tenants}
        return reply_of({"models": paths, "index": f"POST {INDEX.decode()}", "openapi": "GET /openapi.json"})


async def _figures(shelf: Shelf) -> Reply:
    return Reply(200, await shelf.figures(), PROMETHEUS)


def _state(tenant: Tenant) -> dict[str, str]:
    said = {"name": tenant.hosted.model, "version": str(tenant.hosted.number)}
    if tenant.answering is not None:
        return {**said, "state": "READY", "reason": ""}
    if tenant.loading:
        return {**said, "state": "LOADING", "reason": ""}
    return {**said, "state": "UNAVAILABLE", "reason": tenant.failure or "not loaded: its first request loads it"}


def _read(body: bytes | bytearray, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, str(error)) from None
    except NO_JSON as error:
        raise malformed(error, body) from None


def _shown(path: bytes) -> str:
    return path.decode("latin-1")[:200]
