"""Connections are taken as they come, whatever else the loop does in a turn."""

import asyncio
import errno
import socket

import uvloop

from shipworthy.serving import accepting
from shipworthy.serving.accepting import Accepting
from shipworthy.serving.sockets import this_or_another

EXPECTED = 8


class Seen(asyncio.Protocol):
    """Counts its connections."""

    def __init__(self, made, enough=None):
        self.made, self.enough = made, enough

    def connection_made(self, transport):
        self.made.append(transport)
        if self.enough is not None and len(self.made) == EXPECTED:
            self.enough.set()


def callers(listening, count):
    return [socket.create_connection(listening.getsockname()) for _ in range(count)]


def close(*what):
    for one in what:
        one.close()


def listen():
    return socket.create_server(("127.0.0.1", 0), backlog=256)


def test_a_burst_of_connections_is_taken_in_one_turn_of_the_loop():
    """Whoever comes while a model call is under way waits for that call, not for one call a caller before it."""

    async def burst():
        listening, made = listen(), []
        ours = callers(listening, 100)
        taking = Accepting(asyncio.get_running_loop(), listening, lambda: Seen(made), lambda: None)
        turns = 0
        while len(made) < 100 and turns < 90:
            await asyncio.sleep(0)
            turns += 1
        taking.close()
        close(*made, *ours)
        await asyncio.sleep(0)
        return len(made), turns

    made, turns = uvloop.run(burst())
    assert made == 100
    assert turns < 10


def test_no_more_than_a_number_is_taken_in_one_turn(monkeypatch):
    monkeypatch.setattr(accepting, "MOST", 3)

    async def burst():
        listening, made = listen(), []
        ours, enough = callers(listening, EXPECTED), asyncio.Event()
        taking = Accepting(asyncio.get_running_loop(), listening, lambda: Seen(made, enough), lambda: None)
        taking.accept()
        opening = taking.opening
        await asyncio.wait_for(enough.wait(), 30)
        taking.close()
        close(*made, *ours)
        return opening

    assert uvloop.run(burst()) == 3


class Exhausted:
    """A listening socket that has no descriptors to give, twice."""

    def __init__(self, listening):
        self._listening = listening
        self.failures = 2

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._listening.accept()

    def __getattr__(self, name):
        return getattr(self._listening, name)


def test_without_descriptors_it_waits_and_goes_on(monkeypatch):
    monkeypatch.setattr(accepting, "PAUSE", 0.01)

    async def short_of_descriptors():
        listening, made = Exhausted(listen()), []
        ours, enough = callers(listening, EXPECTED), asyncio.Event()
        taking = Accepting(asyncio.get_running_loop(), listening, lambda: Seen(made, enough), lambda: None)
        await asyncio.wait_for(enough.wait(), 30)
        taking.close()
        close(*made, *ours)
        return listening.failures

    assert uvloop.run(short_of_descriptors()) == 0


def test_a_neighbouring_port_that_somebody_has_is_replaced_by_a_free_one():
    """Also one that a caller had, whose connection the kernel still remembers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        caller = socket.create_connection(("127.0.0.1", port))
        answering, (_, of_caller) = taken.accept()
        caller.close()  # first, so that its side waits
        answering.close()
        for had in (port, of_caller):
            found = this_or_another("127.0.0.1", had)
            assert found != had
            socket.create_server(("127.0.0.1", found)).close()
    assert this_or_another("127.0.0.1", port) == port
