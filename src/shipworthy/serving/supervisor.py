"""The supervisor: holds the listening sockets, keeps the workers running, and rolls releases out over them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import ShipworthyError
from shipworthy.serving.metrics import SUFFIX
from shipworthy.serving.place import DEFAULT_LIMITS, Place, Serving, Wanted, WorkerStatus
from shipworthy.serving.sockets import listening, url_of

__all__ = ["DEFAULT_LIMITS", "Serving", "Status", "Supervisor", "WorkerStatus"]

WATCH = 0.05  # seconds between looks at the workers


@dataclass(frozen=True, slots=True)
class Status:
    """The server as it is now."""

    url: str
    folder: Path
    workers: tuple[WorkerStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether every worker answers."""
        return all(worker.release is not None for worker in self.workers)


class Supervisor:
    """Workers on one address. Start, swap and stop it from any one thread at a time."""

    def __init__(self, serving: Serving, folder: Path) -> None:
        self._serving = serving
        self._wanted = Wanted(folder, tuple(serving.command))
        self._url = ""
        self._places: list[Place] = []
        self._swapping = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers, once it was started."""
        return self._url

    def start(self) -> str:
        """Start all workers and wait until they answer; returns the URL. Raises what keeps a worker from it."""
        serving = self._serving
        serving.metrics.mkdir(parents=True, exist_ok=True)
        for left in serving.metrics.glob(f"*{SUFFIX}"):
            left.unlink()
        sockets = listening(serving.host, serving.port, serving.workers, enclosed=serving.enclosed)
        self._url = url_of(sockets[0])
        self._places = [Place(index, one, serving, self._wanted) for index, one in enumerate(sockets)]
        try:
            for place in self._places:
                place.begin()
            for place in self._places:
                place.wait_ready()
        except BaseException:
            self.stop()
            raise
        self._watcher.start()
        return self.url

    def swap(self, folder: Path, command: Sequence[str] | None = None) -> None:
        """Have every worker answer with another release; returns once all do. No request is dropped meanwhile.

        If one cannot, those that could are taken back and its error is raised. With a `command` (another environment's
        interpreter) new processes take over the sockets before the old ones end.
        """
        with self._swapping:
            before = self._wanted
            wanted = Wanted(folder, tuple(command) if command is not None else before.command)
            done: list[Place] = []
            try:
                for place in self._places:
                    place.swap(wanted)
                    done.append(place)
            except ShipworthyError:
                for place in done:
                    place.take_back(before)
                raise
            self._wanted = wanted

    def status(self) -> Status:
        """How it stands now."""
        return Status(self.url, self._wanted.folder, tuple(place.status() for place in self._places))

    def stop(self) -> None:
        """Let the workers finish what they have read, then end them and give up the address."""
        self._stopping.set()
        if self._watcher.is_alive() and self._watcher is not threading.current_thread():
            self._watcher.join()
        with self._swapping:
            for place in self._places:
                place.drain()
            for place in self._places:
                place.end()

    def _watch(self) -> None:
        """Start again what ended unasked or hangs."""
        while not self._stopping.wait(WATCH):
            for place in self._places:
                if not self._stopping.is_set():
                    place.look_after()
