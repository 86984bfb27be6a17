"""Taking connections from a listening socket: all that wait, up to a number a turn of the loop.

uvloop's own server takes one a turn. With a model call in every turn, a burst of callers would then wait one model call
each, the last of a hundred a hundred of them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

MOST = 256  # connections a turn of the loop
PAUSE = 0.5  # seconds without accepting where no descriptor or memory is left

_logger = logging.getLogger(__name__)


class Accepting:
    """Makes a protocol of every connection. `settled` is called when one that was taken is open, or is gone again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        settled: Callable[[], None],
    ) -> None:
        self._loop, self._listening = loop, listening
        self._protocol, self._settled = protocol, settled
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        listening.setblocking(False)
        loop.add_reader(listening.fileno(), self.accept)

    @property
    def opening(self) -> int:
        """Connections that were taken and are not open yet."""
        return len(self._opening)

    def accept(self) -> None:
        """Take what waits."""
        for _ in range(MOST):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # whoever it was left before its turn
            except OSError as error:
                _logger.warning("no connection can be taken for %g s: %s", PAUSE, error)
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(PAUSE, self._again)
                return
            self.adopt(connection)

    def adopt(self, connection: socket.socket) -> None:
        """Make a protocol of a connection that somebody took."""
        connection.setblocking(False)
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def close(self) -> None:
        """Take no more; what waits is left to whoever else has the socket."""
        self._closed = True
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._settled()

    def _again(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self.accept)
