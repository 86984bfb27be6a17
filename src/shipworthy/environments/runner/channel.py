"""The line to the process that started this one: progress out, permission to go on in, and death when it dies."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any


class Channel:
    """Lines of JSON on what was standard output; whatever the user's code prints goes to the log instead."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self.step = "start"  # the last one reported
        self._in: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, step: str, **more: Any) -> None:
        """Report a step."""
        self.step = step
        self._out.write(json.dumps({"step": step, **more}) + "\n")
        self._out.flush()

    def ask(self, step: str, **more: Any) -> None:
        """Report a step, and wait until the other side has done its part of it."""
        self.say(step, **more)
        self._in.get()

    def _listen(self) -> None:
        """The other side holds the pipe open while it lives: its end means that nobody waits for a result."""
        with os.fdopen(os.dup(0), encoding="utf-8") as lines:
            for line in lines:
                self._in.put(line)
        os.killpg(0, signal.SIGKILL)  # this process leads a group of its own: its children end with it
