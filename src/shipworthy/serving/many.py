"""Many models behind one socket: each request goes to its model, which is loaded if it is not.

A model is loaded in a thread, one at a time, while the others go on answering; whoever asked for it waits, and so do
later requests of the same connection, because answers keep the order of their requests. Where there is no room for
another model, those that were asked longest ago leave.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from shipworthy.serving.control import Ready
from shipworthy.serving.exchange import Exchange
from shipworthy.serving.hosting import Hosted, leaving, read_hosting
from shipworthy.serving.loading import load, size_of_files
from shipworthy.serving.metrics import OF_SERVER, Metrics, exposition
from shipworthy.serving.problems import Overloaded, Problem, reply_to
from shipworthy.serving.repository import Order, Repository
from shipworthy.serving.responses import Reply
from shipworthy.serving.routes import Page, server_pages
from shipworthy.serving.settings import WorkerSettings
from shipworthy.serving.standby import Pages
from shipworthy.serving.tenant import Tenant
from shipworthy.serving.turns import Turns

MOST_WAITING = 64 * 2**20  # bytes of bodies that wait for models to be loaded
COLLECT = 32  # unloaded models leave some cycles behind: so many of them are worth looking for

_logger = logging.getLogger(__name__)


class Many:
    """Answers a worker's requests with the release that each is for."""

    def __init__(self, settings: WorkerSettings, stopping: Callable[[], str]) -> None:
        self._settings, self._stopping = settings, stopping
        self.metrics = Metrics(Path(settings.metrics), settings.name, "", (), 0, OF_SERVER)
        self._hosting = read_hosting(Path(settings.folder))
        self._tenants = {one.model: self._tenant(one) for one in self._hosting.models}
        self._by_path: dict[bytes, Tenant] = {}
        self.dated = False  # whether any request of the last tick had a deadline
        self._repository = Repository(self._tenants, Path(settings.metrics), self.failure)
        self._turns = Turns()
        self._lane = asyncio.Lock()  # one model is loaded at a time
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0  # bytes
        self._unloaded = 0
        self._learn_paths()

    def answer(self, exchanges: Sequence[Exchange], began: float, waited: float = 0.0) -> None:
        """Answer what was read since the last tick, or keep it until its model is loaded."""
        by_model: dict[Tenant, list[Exchange]] = {}
        for exchange in self._turns.ordered(exchanges):
            target = exchange.head.target
            tenant = self._by_path.get(target) or self._by_path.get(target.partition(b"?")[0])
            if tenant is None or exchange.problem is not None or (tenant.answering is None and _is_look(target)):
                self._tell(exchange)
            else:
                by_model.setdefault(tenant, []).append(exchange)
        now = time.perf_counter()
        self.dated = False
        for tenant, asked in by_model.items():
            tenant.used = now
            if tenant.answering is not None:
                tenant.answering.answer(asked, began, waited)
                self.dated = self.dated or tenant.answering.dated
            else:
                self._keep(tenant, asked, began)

    def named(self, target: bytes) -> tuple[str, int]:
        """Model and release that a request is for; "" where it is for none."""
        tenant = self._by_path.get(target.partition(b"?")[0])
        return (tenant.hosted.model, tenant.hosted.number) if tenant is not None else ("", 0)

    def look(self) -> None:
        """About once a second: a log that could not be written may be able to again, whether anybody asks or not."""
        for tenant in self._tenants.values():
            tenant.look()

    def failure(self) -> str:
        """Why this worker should get no traffic."""
        broken = (tenant.log_failure for tenant in self._tenants.values() if tenant.log_failure)
        return self._stopping() or next(broken, "")

    @property
    def front(self) -> Many:
        """Takes the requests itself."""
        return self

    @property
    def pages(self) -> Pages:
        """What needs no model and no loop."""
        pages = server_pages(Path(self._settings.metrics), self.failure)
        return {path: page.make for path, page in pages.items()}

    @property
    def ready(self) -> Ready:
        """What the supervisor is told."""
        return Ready(0, "")

    async def swap(self, path: Path, _connections: int) -> None:
        """Answer as another list has it. Each release that is new there is loaded first; raises what keeps one from it.

        The changes before one that fails stay: who wants all or nothing changes one model at a time.
        """
        hosting = read_hosting(path)
        for hosted in hosting.models:
            tenant = self._tenants.get(hosted.model)
            if tenant is None:
                self._tenants[hosted.model] = self._tenant(hosted)
            elif tenant.hosted != hosted:
                await self._load(tenant, hosted)
                tenant.hosted = hosted
        for model in self._tenants.keys() - {hosted.model for hosted in hosting.models}:
            tenant = self._tenants.pop(model)
            self._refuse(tenant, Problem(404, f"{model} is not served any longer"))
            tenant.close()
        self._hosting = hosting
        self._learn_paths()

    def close(self) -> None:
        """No more answers: the logs are finished."""
        for task in self._tasks:
            task.cancel()
        for tenant in self._tenants.values():
            tenant.close()
        self.metrics.close()

    def _keep(self, tenant: Tenant, asked: list[Exchange], began: float) -> None:
        """Have requests wait until their model is loaded, unless it is known that this is in vain."""
        kept = []
        for exchange in asked:
            problem = self._refusal(tenant, exchange)
            if problem is None:
                kept.append(self._turns.wait(exchange))
                self._waiting += len(exchange.body)
            else:
                tenant.metrics.refused(problem.reason)
                self._send(exchange, reply_to(problem), tenant.metrics)
        if kept:
            tenant.waiting.append((began, kept))
            self.begin_loading(tenant)

    def _refusal(self, tenant: Tenant, exchange: Exchange) -> Overloaded | None:
        if tenant.refused:
            return Overloaded(tenant.refused, "loading")
        deadline = exchange.head.deadline
        if deadline is not None and deadline < tenant.seconds:
            return Overloaded(f"{tenant.hosted.model} is not loaded, which takes {tenant.seconds:.2f} s", "deadline")
        if self._waiting + len(exchange.body) > MOST_WAITING:
            return Overloaded("too many requests wait for models to be loaded", "loading")
        return None

    def begin_loading(self, tenant: Tenant) -> None:
        """Load a model, unless that is under way."""
        if tenant.answering is None and not tenant.loading:
            tenant.loading = True
            self._start(self._serve_waiting(tenant))

    async def _serve_waiting(self, tenant: Tenant) -> None:
        """Load a model and answer whoever waits for it."""
        try:
            await self._load(tenant)
        except Exception as error:  # libraries raise what they like at a file that they cannot read
            _logger.exception("cannot load %s", tenant.hosted.folder)
            tenant.failed(error)
            self._refuse(tenant, Overloaded(tenant.failure, "loading"))
        finally:
            tenant.loading = False

    async def _load(self, tenant: Tenant, hosted: Hosted | None = None) -> None:
        """Load a model's release, or another one of it."""
        async with self._lane:
            hosted = hosted or tenant.hosted
            if tenant.answering is None or tenant.hosted != hosted:
                folder = Path(hosted.folder)
                self._make_room(tenant, tenant.size or size_of_files(folder))
                loaded = await asyncio.to_thread(load, folder, self._settings)
                tenant.take(loaded, hosted)
                self._make_room(tenant)
        waiting, tenant.waiting = tenant.waiting, []
        for began, exchanges in waiting:
            self._waiting -= sum(len(exchange.body) for exchange in exchanges)
            if tenant.answering is not None:
                tenant.answering.answer(exchanges, began)

    def _make_room(self, coming: Tenant, size: int | None = None) -> None:
        """Unload what has to leave: before a model is loaded, by its likely `size`; after it, by what it took."""
        others = [one.resident for one in self._tenants.values() if one.answering is not None and one is not coming]
        more = size if size is not None else coming.size
        for model in leaving(others, self._hosting.room, more):
            self.unload(self._tenants[model])

    def unload(self, tenant: Tenant) -> None:
        """Give a model's memory back."""
        tenant.unload()
        self._unloaded += 1
        if self._unloaded % COLLECT == 0:
            gc.collect()

    def _refuse(self, tenant: Tenant, problem: Problem) -> None:
        """Tell everybody who waits for a model that it will not be."""
        waiting, tenant.waiting = tenant.waiting, []
        for exchange in [one for _, exchanges in waiting for one in exchanges]:
            self._waiting -= len(exchange.body)
            if problem.reason:
                tenant.metrics.refused(problem.reason)
            self._send(exchange, reply_to(problem), tenant.metrics)

    def _tell(self, exchange: Exchange) -> None:
        """Answer what is not for a loaded model."""
        try:
            if exchange.problem is not None:
                raise exchange.problem
            found = self._repository.find(exchange.head.method, exchange.head.target, exchange.body)
            if isinstance(found, Page):
                self._send(exchange, found.make(), self.metrics)
            else:
                self._start(self._tell_later(self._turns.wait(exchange), found))
        except Problem as problem:
            if problem.reason:
                self.metrics.refused(problem.reason)
            self._send(exchange, reply_to(problem), self.metrics)

    async def _tell_later(self, exchange: Exchange, order: Order) -> None:
        """Answer what takes its time."""
        try:
            reply = await order(self)
        except Exception as error:
            _logger.exception("%r failed", exchange.head.target)
            reply = reply_to(Overloaded(f"{type(error).__name__}: {error}"[:500], "loading"))
            self.metrics.refused("loading")
        self._send(exchange, reply, self.metrics)

    async def load(self, tenant: Tenant) -> None:
        """Load a model because somebody wants it loaded; returns once it is. Raises what keeps it from that."""
        await self._load(tenant)

    async def figures(self) -> bytes:
        """All workers' figures as text. With a hundred models this takes a while, so it is done in a thread."""
        return await asyncio.to_thread(exposition, Path(self._settings.metrics))

    def _send(self, exchange: Exchange, reply: Reply, metrics: Metrics) -> None:
        metrics.status(reply.status)
        exchange.sender.reply(reply, close=exchange.head.close, bodyless=exchange.head.method == b"HEAD")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tenant(self, hosted: Hosted) -> Tenant:
        return Tenant(hosted, self._settings, self._stopping)

    def _learn_paths(self) -> None:
        self._by_path = {path: tenant for tenant in self._tenants.values() for path in tenant.paths}


def _is_look(target: bytes) -> bool:
    """Whether a request only wants to know how a model stands: that is no reason to load it."""
    return target.partition(b"?")[0].endswith(b"/ready")
