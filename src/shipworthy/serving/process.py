"""One worker process as its supervisor sees it: started, spoken to, ended."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy import errors
from shipworthy.errors import Refused, ShipworthyError
from shipworthy.serving.control import Drain, Message, Ready, Swap, Unable, decode_report, line
from shipworthy.serving.heartbeat import silent
from shipworthy.serving.settings import WorkerSettings

# Libraries that start a thread a core fight over the cores that the workers have, one each. OMP_THREAD_LIMIT holds for
# those that ask OpenMP for more threads by themselves, LOKY_MAX_CPU_COUNT for joblib's n_jobs=-1.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OMP_THREAD_LIMIT",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "LOKY_MAX_CPU_COUNT",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)

GLANCE = 0.25  # seconds between looks at a worker that is waited for


class WorkerProcess:
    """A worker that was started on a listening socket. One caller at a time."""

    def __init__(
        self, command: Sequence[str], settings: WorkerSettings, listening: socket.socket, output: Path
    ) -> None:
        self.name = settings.name
        self.began = time.monotonic()
        self.ready: Ready | None = None
        self._settings = settings
        ours, theirs = socket.socketpair()
        told = msgspec.structs.replace(settings, socket=listening.fileno(), control=theirs.fileno())
        with theirs, output.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, msgspec.json.encode(told).decode()],
                pass_fds=(listening.fileno(), theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **ONE_THREAD},
            )
        self._control = ours
        self._unread = b""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def hung(self) -> bool:
        """Whether its loop has stood still for too long."""
        return silent(Path(self._settings.metrics), self.name) > self._settings.limits.hung

    @property
    def late(self) -> bool:
        """Whether it should have loaded its first release by now."""
        return self.ready is None and time.monotonic() - self.began > self._settings.limits.load

    def wait_ready(self) -> Ready:
        """Wait for the worker's first word. Raises what it says kept it from serving; Refused where it says nothing."""
        return self._heard()

    def look_ready(self) -> None:
        """Take the worker's first word if it has come. Raises as `wait_ready`."""
        if select.select([self._control], [], [], 0.0)[0]:
            self._heard()

    def swap(self, folder: str) -> Ready:
        """Have it answer with another release. Raises what keeps it from that; the one before goes on answering.

        A worker that says nothing in time is killed: nobody could tell what it answers with later.
        """
        try:
            self._control.sendall(line(Swap(folder)))
        except OSError as error:
            raise Refused(f"worker {self.name} is gone: {error}") from error
        return self._heard()

    def drain(self) -> None:
        """Ask it to finish what it has read, and to end."""
        with contextlib.suppress(OSError):
            self._control.sendall(line(Drain()))

    def end(self, patience: float) -> None:
        """Wait for its end; after that many seconds, kill it."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        self._control.close()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def _heard(self) -> Ready:
        message = self._listen()
        if isinstance(message, Ready):
            self.ready = message
            return message
        raise _error(message)

    def _listen(self) -> Message:
        until = time.monotonic() + self._settings.limits.load
        self._control.settimeout(GLANCE)
        while b"\n" not in self._unread:
            try:
                received = self._control.recv(65536)
            except TimeoutError:
                self._check(until)
                continue
            if not received:
                code = self.process.wait()
                raise Refused(f"worker {self.name} ended with {code} before it was ready; its output says why")
            self._unread += received
        text, _, self._unread = self._unread.partition(b"\n")
        report: Message = decode_report(text)
        return report

    def _check(self, until: float) -> None:
        """Whether waiting for it makes sense any longer; if not, it is killed."""
        limits = self._settings.limits
        if self.hung:
            self.kill()
            raise Refused(f"worker {self.name} hung for {limits.hung:g} s and was killed")
        if time.monotonic() > until:
            self.kill()
            raise Refused(f"worker {self.name} said nothing for {limits.load:g} s and was killed")


def _error(unable: Unable) -> ShipworthyError:
    """The worker's own error, as far as it is one of ours."""
    kind = getattr(errors, unable.kind, None)
    if isinstance(kind, type) and issubclass(kind, ShipworthyError) and kind is not errors.ContractError:
        return kind(unable.error)
    return Refused(f"{unable.folder} cannot be served: {unable.kind}: {unable.error}")
