"""One model of a server that has many: what it is asked while it is loaded, and who waits while it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from shipworthy.errors import Tampered
from shipworthy.predictions.label_log import LabelLog
from shipworthy.predictions.log import LogWriter, source_name
from shipworthy.serving.answering import Answering
from shipworthy.serving.exchange import Exchange
from shipworthy.serving.hosting import Hosted, Resident
from shipworthy.serving.loading import Loaded, open_log
from shipworthy.serving.metrics import OF_MODEL, Metrics
from shipworthy.serving.routes import Routes, own_path, protocol_path
from shipworthy.serving.settings import WorkerSettings

AGAIN = 10.0  # seconds until a model that could not be loaded is tried again


class Tenant:
    """Its log and its figures stay open from its first loading on, so that both go on where they stopped."""

    def __init__(self, hosted: Hosted, settings: WorkerSettings, ready: Callable[[], str]) -> None:
        self.hosted = hosted
        self.answering: Answering | None = None  # while it is loaded
        self.waiting: list[tuple[float, list[Exchange]]] = []  # when they were read (perf_counter); until it is loaded
        self.loading = False
        self.failure = ""  # why it could not be loaded
        self.used = 0.0  # perf_counter of the last request
        self.size = 0  # bytes, as last measured
        self.seconds = 0.0  # that its last loading took
        self._retry = 0.0
        self._settings, self._ready = settings, ready
        self._log: LogWriter | None = None
        self._labels: LabelLog | None = None
        self._logged = 0  # release of the log's open segment
        self.metrics = self._metrics(hosted)

    @property
    def resident(self) -> Resident:
        """How it counts among those that are loaded."""
        return Resident(self.hosted.model, self.used, self.size)

    @property
    def refused(self) -> str:
        """Why it is not even tried to load it now; "" if it is."""
        return self.failure if time.perf_counter() < self._retry else ""

    @property
    def paths(self) -> list[bytes]:
        """All that it answers under."""
        base, own = protocol_path(self.hosted.model), own_path(self.hosted.model)
        version = base + b"/versions/%d" % self.hosted.number
        protocol = [path + more for path in (base, version) for more in (b"", b"/infer", b"/ready")]
        return [own, own + b"/predict", own + b"/labels", own + b"/openapi.json", *protocol]

    def take(self, loaded: Loaded, hosted: Hosted) -> None:
        """Answer with what was loaded, from now on. Tampered where it is another release than was meant; OSError."""
        live = loaded.live
        if (live.model, live.number) != (hosted.model, hosted.number):
            raise Tampered(
                f"{hosted.folder} holds {live.model}@{live.number} where {hosted.model}@{hosted.number} should be"
            )
        log = self._log_of(loaded)
        if hosted.number != self.hosted.number or hosted.features != self.hosted.features:
            self.metrics.close()
            self.metrics = self._metrics(hosted)
        labels = self._labels_of(log)
        routes = Routes(live, Path(self._settings.metrics), self._state, labels, alone=False)
        if self.answering is None:
            self.answering = Answering(live, log, self.metrics, routes)
        else:
            self.answering.swap(live, self.metrics, routes)
            self.metrics.add("shipworthy_swaps_total")
        self.hosted, self.size, self.seconds, self.failure = hosted, loaded.size, loaded.seconds, ""
        self.used = time.perf_counter()
        self.metrics.observe("shipworthy_load_seconds", loaded.seconds)
        self.metrics.put("shipworthy_model_bytes", loaded.size)

    def failed(self, error: BaseException) -> None:
        """It could not be loaded."""
        self.failure = f"{self.hosted.model} cannot be loaded: {type(error).__name__}: {error}"[:500]
        self._retry = time.perf_counter() + AGAIN

    def unload(self) -> None:
        """Give its memory back; the next request loads it again."""
        if self.answering is not None:
            self.answering = None
            self.metrics.add("shipworthy_unloads_total")
            self.metrics.put("shipworthy_model_bytes", 0.0)

    def close(self) -> None:
        """The end: readers see its log as finished."""
        self.answering = None
        self.metrics.close()
        if self._log is not None:
            self._log.close()

    def look(self) -> None:
        """Whether a log that could not be written can be again."""
        if self.answering is not None and self.answering.log_failure and self._log is not None:
            self.answering.log_failure = self._log.trouble()

    @property
    def log_failure(self) -> str:
        """Why its log cannot be written now."""
        return self.answering.log_failure if self.answering is not None else ""

    def _state(self) -> str:
        return self._ready() or self.log_failure

    def _labels_of(self, log: LogWriter) -> LabelLog:
        disk = log.durability == "disk"
        if self._labels is None:
            self._labels = LabelLog(Path(self.hosted.logs), log.source, disk=disk)
        self._labels.disk = disk
        return self._labels

    def _log_of(self, loaded: Loaded) -> LogWriter:
        live = loaded.live
        if self._log is None:
            self._log = LogWriter(Path(self.hosted.logs), source_name(self._settings.name))
        self._log.durability = live.contract.serving.durability
        if self._logged != live.number:
            open_log(self._log, live)
            self._logged = live.number
        return self._log

    def _metrics(self, hosted: Hosted) -> Metrics:
        folder, name = Path(self._settings.metrics), self._settings.name
        metrics = Metrics(folder, name, hosted.model, hosted.features, hosted.number, OF_MODEL)
        metrics.begin()
        return metrics
