"""Liveness, readiness and figures while the loop stands still in a long model call.

Whoever looks after processes asks `/v2/health/live` and gives it a second. A model call of three seconds would have the
process killed for working. So a thread looks whether the loop has been in one tick for longer than a moment. While it
is, the thread takes the connections that wait, answers what is no prediction, and hands all else to the loop unread.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping

from shipworthy.serving.responses import Heads, Reply

LOOK = 0.1  # seconds between looks at the loop
PATIENCE = 0.1  # seconds in one tick after which the thread stands in
GLANCE = 0.05  # seconds that it waits for connections before it looks at the loop again
MOST = 256  # connections that it holds
WRITING = 1.0  # seconds for a caller to take its answer
HEAD = 8192  # bytes of a request that it looks at

Pages = Mapping[bytes, Callable[[], Reply]]

_logger = logging.getLogger(__name__)


class Standby:
    """Stands in for a loop. `since` says when its tick began, 0.0 between ticks (time.perf_counter).

    It tells `answered` the status of each answer. That and `hand_over` are called in its own thread.
    """

    def __init__(
        self,
        listening: socket.socket,
        since: Callable[[], float],
        pages: Pages,
        hand_over: Callable[[list[socket.socket]], None],
        answered: Callable[[int], None],
    ) -> None:
        self._answered = answered
        self._listening, self._since, self._pages, self._hand_over = listening, since, pages, hand_over
        self._heads = Heads()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standby", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns once everything that was taken is handed over."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK):
            if self._late():
                try:
                    self._stand_in()
                except (OSError, ValueError):  # the listening socket was closed: the loop is back, and ends
                    _logger.debug("standing in ended", exc_info=True)

    def _late(self) -> bool:
        since = self._since()
        return since > 0.0 and time.perf_counter() - since > PATIENCE

    def _stand_in(self) -> None:
        looked: list[socket.socket] = []
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._listening, selectors.EVENT_READ)
            try:
                while self._late() and not self._stopping.is_set():
                    for key, _ in waiting.select(GLANCE):
                        if key.fileobj is self._listening:
                            self._accept(waiting)
                        elif isinstance(key.fileobj, socket.socket):
                            waiting.unregister(key.fileobj)
                            if not self._answer(key.fileobj):
                                looked.append(key.fileobj)
            finally:
                held = [key.fileobj for key in waiting.get_map().values() if key.fileobj is not self._listening]
                self._hand_over([*looked, *(one for one in held if isinstance(one, socket.socket))])

    def _accept(self, waiting: selectors.BaseSelector) -> None:
        if len(waiting.get_map()) > MOST:
            time.sleep(GLANCE)
            return
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return  # the loop was faster, or the caller left
        connection.setblocking(False)
        waiting.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: socket.socket) -> bool:
        """Answer a connection's first request, if it is one that the loop is not needed for."""
        try:
            data = connection.recv(HEAD, socket.MSG_PEEK)
        except OSError:
            return False
        page = self._page(data)
        if page is None:
            return False
        self._heads.now(time.time_ns())
        try:
            with connection:
                reply = page()
                connection.settimeout(WRITING)
                connection.recv(len(data))
                connection.sendall(self._heads.message(reply, close=True))
                connection.shutdown(socket.SHUT_WR)
            self._answered(reply.status)
        except OSError:
            _logger.debug("a caller left before its answer", exc_info=True)
        return True

    def _page(self, data: bytes) -> Callable[[], Reply] | None:
        head, blank, rest = data.partition(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if not blank or rest or len(words) != 3 or words[0] != b"GET" or not words[2].startswith(b"HTTP/1."):
            return None
        return self._pages.get(words[1].partition(b"?")[0])
