"""Free ports for servers that have to be told theirs."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

# Below those that the kernel gives to outgoing connections, of which a load generator makes thousands: what is free
# there now stays free until its server begins, unless another one is told the same.
LOWEST, HIGHEST = 20_000, 32_000
_chance = random.SystemRandom()  # of no seed: the tests run in several processes


def free_port(neighbours: int = 1) -> int:
    """The first of so many neighbouring ports on loopback that nobody has."""
    while True:
        port = _chance.randrange(LOWEST, HIGHEST)
        with ExitStack() as held:
            try:
                for one in range(port, port + neighbours):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", one))
            except OSError:
                continue
            return port
