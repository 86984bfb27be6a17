"""The page's application: one page, its data as JSON, and the drawing library that vl-convert bundles."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import jinja2
import msgspec
import vl_convert
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.dashboard import charts
from shipworthy.dashboard.figures import CONTENT, exposition
from shipworthy.dashboard.headline import headline, newest_evidence
from shipworthy.dashboard.traffic import Traffic, parse
from shipworthy.dashboard.view import StatusView
from shipworthy.errors import NotFound, ShipworthyError
from shipworthy.store.database import AWAY, in_words

OUTLIVED = (*AWAY, ShipworthyError)  # what the page outlives
SHOWN = 10  # of a list, before the rest is folded away
AGAIN = 15.0  # seconds between two readings of a page that is open
INTERVAL = 2.0  # seconds between two readings of the server's metrics
SNIPPET = "window.vegaEmbed = vegaEmbed;"  # the libraries are in scope under these names
TEMPLATES = Path(__file__).parent / "templates"


class Page:
    """The page of one model. `read` gives its status, `scrape` the server's metrics as text, `trace` lineage."""

    def __init__(
        self,
        contract: Contract,
        read: Callable[[], StatusView],
        scrape: Callable[[], Awaitable[str]],
        trace: Callable[[str, int], Any],
    ) -> None:
        self._contract = contract
        self._read = read
        self._scrape = scrape
        self._trace = trace
        self._traffic = Traffic()
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
        self._template = environment.get_template("page.html")
        self._first = environment.get_template("first.html")
        self._away = environment.get_template("away.html")
        self._script = ""

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/", self.page),
            Route("/stands", self.stands),
            Route("/status.json", self.status),
            Route("/metrics", self.metrics),
            Route("/lineage/{id:path}", self.lineage),
            Route("/traffic.json", self.traffic),
            Route("/vega.js", self.script),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=dict.fromkeys(OUTLIVED, self.away))

    async def away(self, _request: Request, error: Exception) -> Response:
        """What cannot be read is said, and read again: the page outlives a ledger that is away."""
        words = self._away.render(model=self._contract.name, why=in_words(error))
        return HTMLResponse(words, status_code=503, headers={"cache-control": "no-store", "retry-after": "5"})

    async def page(self, _request: Request) -> Response:
        """The page."""
        view = await run_in_threadpool(self._read)
        return _html(
            self._template,
            view,
            charts=self._charts(view),
            newest=newest_evidence(view),
            shown=SHOWN,
            again_ms=int(1000 * AGAIN),
            day=_day,
        )

    async def stands(self, _request: Request) -> Response:
        """What the page says first, for a page that is open: no chart is drawn for it."""
        return _html(self._first, await run_in_threadpool(self._read))

    async def status(self, _request: Request) -> Response:
        """What the page shows, for programs."""
        view = await run_in_threadpool(self._read)
        return Response(msgspec.json.encode(view), media_type="application/json")

    async def metrics(self, _request: Request) -> Response:
        """Figures for Prometheus that the server does not have."""
        return Response(exposition(await run_in_threadpool(self._read)), media_type=CONTENT)

    async def lineage(self, request: Request) -> Response:
        """Where something came from, or what came of it, as `shipworthy lineage --json` says."""
        asked = request.query_params.get("limit", "10")
        if not asked.isdecimal():
            return JSONResponse({"error": f"limit = {asked!r}: expected a whole number"}, status_code=400)
        try:
            traced = await run_in_threadpool(self._trace, request.path_params["id"], int(asked))
        except NotFound as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        except ShipworthyError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(msgspec.json.encode(traced), media_type="application/json")

    async def traffic(self, _request: Request) -> Response:
        """The charts that follow the traffic."""
        return JSONResponse(self._traffic_charts())

    async def script(self, _request: Request) -> Response:
        """Vega, Vega-Lite and Vega-Embed as vl-convert bundles them: no build step, no other host."""
        if not self._script:
            self._script = await run_in_threadpool(vl_convert.javascript_bundle, SNIPPET)
        return Response(self._script, media_type="text/javascript", headers={"cache-control": "max-age=86400"})

    def _charts(self, view: StatusView) -> dict[str, charts.Spec]:
        drawn = self._traffic_charts()
        if view.evidence:
            drawn["evidence"] = charts.evidence_chart(view.evidence, view.marks)
        if view.quality:
            minimum = self._contract.gate.minimum
            drawn["quality"] = charts.quality_chart(view.quality, view.marks, view.metric, minimum)
        return drawn

    def _traffic_charts(self) -> dict[str, charts.Spec]:
        points = self._traffic.points()
        if not points:  # an empty time axis has no place to draw at
            return {}
        serving = self._contract.serving
        drawn = {"rate": charts.rate_chart(points, serving.rate)}
        if any(point.p99_ms is not None for point in points):
            drawn["latency"] = charts.latency_chart(points, serving.p99_ms)
        return drawn

    @contextlib.asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):  # the server is starting or stopping: a gap in the chart says so
                self._traffic.add(parse(await self._scrape(), clock.now()))
            await asyncio.sleep(INTERVAL)


def _html(template: jinja2.Template, view: StatusView, **more: Any) -> Response:
    words = template.render(view=view, stands=headline(view), now=clock.now(), when=_when, clock=_clock, **more)
    return HTMLResponse(words, headers={"cache-control": "no-store"})


def _clock(instant: int) -> str:
    return clock.to_iso(instant)[:19].replace("T", " ")


def _when(instant: int) -> str:
    return clock.to_iso(instant)[:16].replace("T", " ")


def _day(instant: int) -> str:
    return clock.to_iso(instant)[:10]
