"""A worker with one model: the usual one. Nothing stands between the loop and the release that answers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

from shipworthy.predictions.label_log import LabelLog
from shipworthy.predictions.log import REHEARSAL, LogWriter, source_name
from shipworthy.serving.answering import Answering
from shipworthy.serving.control import Ready
from shipworthy.serving.live import Live
from shipworthy.serving.loading import Loaded, load, open_log
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.routes import Routes, server_pages
from shipworthy.serving.settings import WorkerSettings
from shipworthy.serving.standby import Pages


class One:
    """Holds what a swap exchanges."""

    def __init__(self, settings: WorkerSettings, stopping: Callable[[], str]) -> None:
        self._settings, self._stopping = settings, stopping
        loaded = load(Path(settings.folder), settings)
        live = loaded.live
        name = settings.name if settings.rehearsal is None else f"{REHEARSAL}{settings.name}"
        self._log = LogWriter(Path(settings.logs), source_name(name), durability=live.contract.serving.durability)
        open_log(self._log, live)
        disk = live.contract.serving.durability == "disk"
        self._labels = LabelLog(Path(settings.logs), self._log.source, disk=disk)
        self.front = Answering(live, self._log, self._metrics(live), self._routes(live))
        self._count(loaded)
        self._seconds = loaded.seconds

    @property
    def pages(self) -> Pages:
        """What needs no model and no loop."""
        pages = server_pages(Path(self._settings.metrics), self.failure)
        return {path: page.make for path, page in pages.items()}

    @property
    def ready(self) -> Ready:
        """What the supervisor is told."""
        return Ready(self.front.live.number, self._log.source, self._seconds)

    async def swap(self, folder: Path, connections: int) -> None:
        """Load beside the release that answers, then exchange the two between ticks. Raises what keeps it from that."""
        loaded = await asyncio.to_thread(load, folder, self._settings)
        live = loaded.live
        self._log.durability = live.contract.serving.durability
        self._labels.disk = self._log.durability == "disk"
        open_log(self._log, live)
        before = self.front.metrics
        self.front.swap(live, self._metrics(live), self._routes(live))
        before.close()
        self.front.metrics.begin(connections)
        self.front.metrics.add("shipworthy_swaps_total")
        self._count(loaded)
        self._seconds = loaded.seconds
        gc.freeze()

    def named(self, _target: bytes) -> tuple[str, int]:
        """Model and release that a request is for."""
        return self.front.live.model, self.front.live.number

    def look(self) -> None:
        """About once a second: a log that could not be written may be able to again, whether anybody asks or not."""
        if self.front.log_failure:
            self.front.log_failure = self._log.trouble()

    def failure(self) -> str:
        """Why this worker should get no traffic; "" if it should."""
        return self._stopping() or self.front.log_failure

    def close(self) -> None:
        """No more answers: the log is finished."""
        self.front.metrics.close()
        self._log.close()

    def _count(self, loaded: Loaded) -> None:
        self.front.metrics.observe("shipworthy_load_seconds", loaded.seconds)
        self.front.metrics.put("shipworthy_model_bytes", loaded.size)

    def _metrics(self, live: Live) -> Metrics:
        names = tuple(feature.name for feature in live.description.features)
        return Metrics(Path(self._settings.metrics), self._settings.name, live.model, names, live.number)

    def _routes(self, live: Live) -> Routes:
        return Routes(live, Path(self._settings.metrics), self.failure, self._labels)
