"""Listening sockets, held by the supervisor so that no connection is reset when a worker dies."""

from __future__ import annotations

import socket

from shipworthy.errors import InUse

BACKLOG = 1024


def listening(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` sockets on one address (SO_REUSEPORT), among which the kernel spreads connections. Port 0: a free one.

    InUse where somebody else has the port.
    """
    with socket.socket() as probe:  # SO_REUSEPORT alone would share the port with another server of this user
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InUse(
                f"port {port} on {host}: {error.strerror}; choose another one in [serving], or stop it"
            ) from error
    sockets: list[socket.socket] = []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((host, sockets[0].getsockname()[1] if sockets else port))
        one.listen(BACKLOG)
        one.setblocking(False)
        sockets.append(one)
    return sockets
