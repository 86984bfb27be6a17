"""A timer finer than an event loop's own: libuv counts milliseconds, and 5,000 requests a second do not wait for it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_MONOTONIC = 1
_NONBLOCKING_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_ABSOLUTE = 1
_SET_TIMER_SLACK = 29  # prctl, for this process alone: by default the kernel may wake a sleeper 50 microseconds late
_SECOND = 1_000_000_000
_HAS_TIMERFD = sys.platform.startswith("linux")


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Interval(ctypes.Structure):
    _fields_ = (("every", _Timespec), ("first", _Timespec))


class KernelTimer:
    """Linux's timerfd: calls back at instants of the monotonic clock, to some microseconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.prctl(_SET_TIMER_SLACK, 1, 0, 0, 0)
        self._descriptor = self._libc.timerfd_create(_MONOTONIC, _NONBLOCKING_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._value = _Interval()
        self._reference = ctypes.byref(self._value)
        self._loop = loop
        loop.add_reader(self._descriptor, callback)

    def arm(self, instant: int) -> None:
        """Call back at `instant` (ns of time.monotonic_ns), at once where it has passed; replaces what was armed."""
        first = self._value.first
        first.seconds, first.nanoseconds = divmod(max(1, instant), _SECOND)
        self._libc.timerfd_settime(self._descriptor, _ABSOLUTE, self._reference, None)

    def close(self) -> None:
        """Never call back again."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)


class LoopTimer:
    """The event loop's own timer, for systems without timerfd; its coarseness shows up as the generator's lateness."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop, self._callback = loop, callback
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, instant: int) -> None:
        """Call back at `instant` (ns of time.monotonic_ns), at once where it has passed; replaces what was armed."""
        self.close()
        self._handle = self._loop.call_later(max(0, instant - time.monotonic_ns()) / _SECOND, self._callback)

    def close(self) -> None:
        """Never call back again."""
        if self._handle is not None:
            self._handle.cancel()


def timer(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> KernelTimer | LoopTimer:
    """The finest timer that this system has."""
    return KernelTimer(loop, callback) if _HAS_TIMERFD else LoopTimer(loop, callback)
