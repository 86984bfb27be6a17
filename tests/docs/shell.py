"""One bash that runs the commands of a page one after the other, as a reader would."""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import time
from pathlib import Path


class Shell:
    """`run` gives what a command printed, on both outputs, and its exit code. Ends with everything it started."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._read = b""

    def run(self, command: str, seconds: float = 180.0) -> tuple[str, int]:
        """`$?` is what the command before left, as in any shell."""
        mark = f"end-{secrets.token_hex(8)}"
        after = f"\n__code=$?; printf '{mark} %d\\n' $__code; (exit $__code)\n"
        assert self._process.stdin is not None
        self._process.stdin.write((command + after).encode())
        self._process.stdin.flush()
        printed, _, rest = self._until(mark.encode(), time.monotonic() + seconds, command).partition(mark.encode())
        return printed.decode(), int(rest)

    def close(self) -> None:
        """End the shell and what it left running."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _until(self, mark: bytes, deadline: float, command: str) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                found = self._read.find(mark)
                end = self._read.find(b"\n", found) if found >= 0 else -1
                if end >= 0:
                    said, self._read = self._read[:end], self._read[end + 1 :]
                    return said
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"{command!r} did not end; it said:\n{self._read.decode()}")
                piece = os.read(self._process.stdout.fileno(), 65536)
                assert piece, f"the shell ended in {command!r}; it said:\n{self._read.decode()}"
                self._read += piece
