"""One worker process as its supervisor sees it: started, spoken to, ended."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy import errors
from shipworthy.errors import Refused, ShipworthyError
from shipworthy.serving.control import Drain, Message, Ready, Swap, Unable, decode_report, line
from shipworthy.serving.settings import WorkerSettings

# Libraries that start a thread a core fight over the cores that the workers have, one each.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


class WorkerProcess:
    """A worker that was started on a listening socket. One caller at a time."""

    def __init__(
        self, command: Sequence[str], settings: WorkerSettings, listening: socket.socket, output: Path
    ) -> None:
        self.name = settings.name
        self.began = time.monotonic()
        self.ready: Ready | None = None
        self._folder = settings.folder
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

    def wait_ready(self, patience: float) -> Ready:
        """Wait for the worker's first word. Raises what it says kept it from serving; Refused where it says nothing."""
        return self._heard(patience, self._folder)

    def swap(self, folder: str, patience: float) -> Ready:
        """Have it answer with another release. Raises what keeps it from that; the one before goes on answering."""
        try:
            self._control.sendall(line(Swap(folder)))
        except OSError as error:
            raise Refused(f"worker {self.name} is gone: {error}") from error
        return self._heard(patience, folder)

    def drain(self) -> None:
        """Ask it to finish what it has read, and to end."""
        with contextlib.suppress(OSError):
            self._control.sendall(line(Drain()))

    def end(self, patience: float) -> None:
        """Wait for its end; after that many seconds, kill it."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._control.close()

    def _heard(self, patience: float, folder: str) -> Ready:
        message = self._listen(patience)
        if isinstance(message, Ready):
            self.ready, self._folder = message, folder
            return message
        raise _error(message)

    def _listen(self, patience: float) -> Message:
        until = time.monotonic() + patience
        while b"\n" not in self._unread:
            self._control.settimeout(max(until - time.monotonic(), 0.001))
            try:
                received = self._control.recv(65536)
            except TimeoutError:
                raise Refused(f"worker {self.name} said nothing for {patience:g} s") from None
            if not received:
                code = self.process.wait()
                raise Refused(f"worker {self.name} ended with {code} before it was ready; its output says why")
            self._unread += received
        text, _, self._unread = self._unread.partition(b"\n")
        report: Message = decode_report(text)
        return report


def _error(unable: Unable) -> ShipworthyError:
    """The worker's own error, as far as it is one of ours."""
    kind = getattr(errors, unable.kind, None)
    if isinstance(kind, type) and issubclass(kind, ShipworthyError) and kind is not errors.ContractError:
        return kind(unable.error)
    return Refused(f"{unable.folder} cannot be served: {unable.kind}: {unable.error}")
