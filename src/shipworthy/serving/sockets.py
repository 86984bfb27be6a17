"""Listening sockets, held by the supervisor so that no connection is reset when a worker dies."""

from __future__ import annotations

import ipaddress
import socket
import time

from shipworthy.errors import InUse, WrongUse

BACKLOG = 1024
_AGAIN = 0.1  # seconds between looks at a port that is taken


def listening(host: str, port: int, count: int, *, enclosed: bool = False) -> list[socket.socket]:
    """`count` sockets on one address (SO_REUSEPORT), among which the kernel spreads connections. Port 0: a free one.

    WrongUse for an address that others can reach: there are no keys that would say who asks. InUse where somebody else
    has the port.
    """
    family, address = _address(host, enclosed=enclosed)
    # SO_REUSEPORT alone would share the port with another server of this user.
    refuse_taken(family, address, port, "choose another by --port, or in [serving]")
    sockets: list[socket.socket] = []
    for _ in range(count):
        one = socket.socket(family)
        sockets.append(one)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((address, sockets[0].getsockname()[1] or port))
        one.listen(BACKLOG)
        one.setblocking(False)
    return sockets


def refuse_taken(family: socket.AddressFamily, address: str, port: int, instead: str) -> None:
    """InUse where somebody else has the port; `instead` is what else could be done."""
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InUse(f"port {port} on {address}: {error.strerror}; stop what has it, or {instead}") from error


def wait_until_free(host: str, port: int, seconds: float, instead: str) -> None:
    """Give whoever had the port, and was killed a moment ago, so much time to let it go. InUse where it is kept."""
    family, address = _address(host, enclosed=False)
    until = time.monotonic() + seconds
    while True:
        try:
            refuse_taken(family, address, port, instead)
        except InUse:
            if time.monotonic() > until:
                raise
            time.sleep(_AGAIN)
        else:
            return


def this_or_another(host: str, port: int) -> int:
    """The port where nobody has it, else any that is free.

    A port next to one that the kernel chose is one that it chooses for callers, too, and keeps for a minute after them.
    """
    family, address = _address(host, enclosed=False)
    try:
        refuse_taken(family, address, port, "")
    except InUse:
        with socket.socket(family) as other:
            other.bind((address, 0))
            return int(other.getsockname()[1])
    return port


def url_of(listening: socket.socket) -> str:
    """Where a socket answers."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _address(host: str, *, enclosed: bool) -> tuple[socket.AddressFamily, str]:
    try:
        family, _, _, _, (address, *_) = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise WrongUse(f"serving.host = {host!r}: expected an address of this machine ({error.strerror})") from error
    if not enclosed and not ipaddress.ip_address(address).is_loopback:
        raise WrongUse(
            f"serving.host = {host!r}: expected a loopback address such as 127.0.0.1, because whoever reaches the "
            "server may ask it; put what checks your callers in front of it"
        )
    return family, str(address)
