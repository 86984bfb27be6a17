"""The time, as Python tells it: another one that goes on, or one that only goes on by being asked."""

from __future__ import annotations

import datetime
import gc
import itertools
import time
from collections.abc import Callable
from typing import Any

from shipworthy.environments.runner.staging.notes import Notes

STEP = 1_000_000  # ns from one answer to the next while the time is held: loops that wait for a time still end


def stage(notes: Notes, start: int | None, *, still: bool) -> None:
    """Watch the clock. `start`, ns since 1970: it begins there; `still`: and goes on by STEP an answer.

    What reads the clock without Python (numpy.datetime64("now")) is told the true time.
    """
    true = time.time_ns
    begun = true()
    asked = itertools.count()

    def nanoseconds() -> int:
        if start is None:
            return true()
        return start + (next(asked) * STEP if still else true() - begun)

    _stage_times(notes, nanoseconds)
    _stage_datetimes(notes, nanoseconds)
    if still:
        _stage_durations(notes)


def _stage_times(notes: Notes, nanoseconds: Callable[[], int]) -> None:
    def noted(name: str, answer: Callable[[], Any]) -> Callable[[], Any]:
        def ask() -> Any:
            notes.take("clock", f"time.{name}")
            return answer()

        return ask

    time.time = noted("time", lambda: nanoseconds() / 1e9)
    time.time_ns = noted("time_ns", nanoseconds)
    for name, place in (("localtime", 0), ("gmtime", 0), ("ctime", 0), ("strftime", 1)):
        setattr(time, name, _defaulting(notes, name, place, nanoseconds))


def _defaulting(notes: Notes, name: str, place: int, nanoseconds: Callable[[], int]) -> Callable[..., Any]:
    """A function of time that means now where its argument at `place` is left out."""
    true = getattr(time, name)
    broken_down = time.localtime

    def ask(*given: Any) -> Any:
        if len(given) > place and given[place] is not None:
            return true(*given)
        notes.take("clock", f"time.{name}")
        seconds = nanoseconds() / 1e9
        return true(*given[:place], broken_down(seconds) if place else seconds)

    return ask


def _stage_datetimes(notes: Notes, nanoseconds: Callable[[], int]) -> None:
    """Inside the class, so that subclasses, pandas.Timestamp.now and whoever imported it before ask the same.

    date.today() and datetime.today() ask time.time().
    """

    def now(cls: Any, tz: Any = None) -> Any:
        notes.take("clock", "datetime.now")
        seconds, rest = divmod(nanoseconds(), 10**9)
        return cls.fromtimestamp(seconds, tz).replace(microsecond=rest // 1000)

    def utcnow(cls: Any) -> Any:
        notes.take("clock", "datetime.utcnow")
        seconds, rest = divmod(nanoseconds(), 10**9)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
        return cls.fromisoformat(moment.replace(microsecond=rest // 1000).isoformat())

    import ctypes  # noqa: PLC0415 - not every Python has it

    (attributes,) = gc.get_referents(datetime.datetime.__dict__)  # what the read-only view of them shows
    attributes["now"], attributes["utcnow"] = classmethod(now), classmethod(utcnow)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))


def _stage_durations(notes: Notes) -> None:
    """Those that the project's own lines measure; what libraries wait by stays true."""
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        true, true_ns = getattr(time, name), getattr(time, f"{name}_ns")
        asked = itertools.count()

        def seconds(name: str = name, true: Any = true, asked: Any = asked) -> Any:
            return next(asked) * STEP / 1e9 if notes.take("clock", f"time.{name}") else true()

        def whole(name: str = name, true: Any = true_ns, asked: Any = asked) -> Any:
            return next(asked) * STEP if notes.take("clock", f"time.{name}_ns") else true()

        setattr(time, name, seconds)
        setattr(time, f"{name}_ns", whole)
