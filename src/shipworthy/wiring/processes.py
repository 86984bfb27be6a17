"""Child processes of `up`: started, restarted with a pause that grows, and gone when their parent is.

A child holds the reading end of a pipe whose writing end only the parent has. However the parent dies, the pipe closes,
and the child stops in order: a step under way is finished or, where it cannot be, is one that may be repeated.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from shipworthy import clock
from shipworthy.errors import ShipworthyError
from shipworthy.store.database import AWAY, in_words

_logger = logging.getLogger(__name__)

LONGEST_PAUSE = 10.0  # seconds between restarts at most
TAIL = 4096  # bytes of its output that are looked at for its last words
CALM = 30.0  # seconds alive after which a child counts as well


def give_way(steps: int) -> None:
    """Let others have the processor first; where that is not allowed, nothing changes."""
    with contextlib.suppress(OSError):
        os.nice(steps)


class Child:
    """One role in a process of its own, kept running until `stop`."""

    def __init__(
        self,
        role: str,
        project: Path,
        log: Path,
        arguments: tuple[str, ...] = (),
        told: Callable[[Child, int, str], None] = lambda _child, _code, _words: None,
    ) -> None:
        """told: called with exit code and last words, in the thread that keeps it running, whenever it ended though
        nobody asked it to.
        """
        self.role = role
        self.restarts = 0
        self._told = told
        self._command = [sys.executable, "-m", f"shipworthy.wiring.{role}", str(project), *arguments]
        self._log = log
        self._stopping = threading.Event()
        self._restarting = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name=f"child-{role}", daemon=True)

    def start(self) -> None:
        """Start it, and a thread that keeps it running."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def restart(self) -> None:
        """End it in order; the thread that keeps it running starts it again."""
        self._restarting = self._process is not None
        self._close()

    def _close(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def ask(self) -> None:
        """Ask it to stop, and start it no more."""
        self._stopping.set()
        self._close()

    def stop(self, patience: float = 20.0) -> None:
        """Ask it to stop; after `patience` seconds, end it."""
        self.ask()
        process = self._process
        if process is None:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._thread.join(patience)

    def _keep_running(self) -> None:
        pause = 0.2
        while not self._stopping.is_set():
            began = time.monotonic()
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=log, stderr=log)
            if self._stopping.is_set():  # since the last look
                self.ask()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if self._restarting:  # a wish of ours is no failure
                self._restarting = False
            else:
                self.restarts += 1
                self._told(self, code, _last_words(self._log))
            with self._log.open("a") as log_text:
                log_text.write(f"{clock.to_iso(clock.now())} {self.role} ended with {code}; started again\n")
            pause = 0.2 if time.monotonic() - began > CALM else min(pause * 2, LONGEST_PAUSE)
            self._stopping.wait(pause)


def _last_words(log: Path) -> str:
    """The last line of what a process has said; "it said nothing" where there is none."""
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


class Stop:
    """Whether this process has been asked to stop: by a signal, or by its parent's death."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._event.set())

    def follow_parent(self) -> None:
        """Stop when standard input, held by the parent, closes."""
        threading.Thread(target=self._read_to_end, name="parent", daemon=True).start()

    def _read_to_end(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether there is a wish to stop. No truth value: `stop or Stop()` would give up one that nobody asked yet."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a wish to stop; whether there is one."""
        return self._event.wait(seconds)


def carry_out(role: Callable[[], object]) -> None:
    """A role's whole life. What it cannot help is its last line, in words; `up` shows that, and starts it again."""
    try:
        role()
    except ShipworthyError as error:
        _logger.error("%s", error)
        sys.exit(error.exit_code)
    except AWAY as error:
        _logger.error("the ledger cannot be read or written: %s", in_words(error))
        sys.exit(3)


def loop(step: Callable[[], bool], stop: Stop, pause: float) -> None:
    """Repeat a step until asked to stop; where it had nothing to do (False), pause for that many seconds."""
    while not stop.asked:
        if not step():
            stop.wait(pause)
