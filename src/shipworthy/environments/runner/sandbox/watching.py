"""Python's audit hook: sees a file or an address before it is opened, refuses it, and knows whose line it was.

Where the kernel encloses the job it adds the name and the line. Elsewhere it is all there is, and then a library that
opens files by itself, or another program, is not held.
"""

# ruff: noqa: PTH100, PTH110
# As in reach.py: this stands before every file that is opened.
from __future__ import annotations

import errno
import inspect
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from shipworthy.environments.runner.blame import Frame, own_frames
from shipworthy.environments.runner.sandbox.reach import Reach

MOST_REFUSALS = 100
_LOOPBACK = ("127.", "::1", "localhost", "ip6-localhost")
_WORDS = {
    "read": "not declared",
    "write": "outside of the job's own folders",
    "network": "no network in a training",
}
_HERE = ("", "0.0.0.0", "::", "<broadcast>")
_LISTS = ("os.listdir", "os.scandir")
_ADDRESSES = ("socket.connect", "socket.sendmsg", "socket.sendto")
_NAMES = ("socket.getaddrinfo", "socket.gethostbyname")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the code reached for and was not given."""

    kind: str  # "read", "write", "network"
    what: str  # a path, or an address
    frames: list[Frame]  # of the project's own files, the innermost last
    importing: bool  # reached for by an import


@dataclass(slots=True)
class Watch:
    """Refuses and remembers."""

    reach: Reach
    project: Path
    loopback: bool  # whether this machine's own addresses lead to the job itself, and nowhere else
    elsewhere: tuple[tuple[str, str], ...] = ()  # folders of the job, and those that they stand for
    refused: list[Refusal] = field(default_factory=list)

    def outside(self, path: str) -> str | None:
        """The file that is out of reach which a path means, if it means one.

        One that is not there is meant where the folder that the job's own folder stands for has it.
        """
        if os.path.exists(path):
            return None if self.reach.reads(path) else path
        for inside, origin in self.elsewhere:
            if path.startswith(inside + os.sep) and os.path.exists(origin + path[len(inside) :]):
                return origin + path[len(inside) :]
        return None

    def begin(self) -> None:
        """From now on, and for good."""
        checks: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._open,
            "sqlite3.connect": lambda given: self._path("read", given[0]),
            "ctypes.dlopen": lambda given: self._library(given[0]),
            **dict.fromkeys(_LISTS, lambda given: self._path("read", "." if given[0] is None else given[0])),
            **dict.fromkeys(_ADDRESSES, lambda given: self._address(given[-1])),
            **dict.fromkeys(_NAMES, lambda given: self._host(given[0], given[1] if len(given) > 1 else None)),
        }

        def hook(event: str, given: tuple[Any, ...]) -> None:
            check = checks.get(event)
            if check is not None:
                check(given)

        sys.addaudithook(hook)

    def _open(self, given: tuple[Any, ...]) -> None:
        path, mode, flags = given
        writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if isinstance(mode, str):
            writes = writes or any(letter in mode for letter in "wax+")
        self._path("write" if writes else "read", path)

    def _library(self, name: Any) -> None:
        if isinstance(name, str) and os.sep in name:
            self._path("read", name)

    def _path(self, kind: str, given: Any) -> None:
        try:
            path = os.path.abspath(os.fsdecode(given))
            held = self.reach.writes(path) if kind == "write" else self.reach.reads(path) or not os.path.exists(path)
        except (TypeError, ValueError):  # a descriptor, which was opened before; or no path at all
            return
        if not held:
            self._refuse(kind, path)

    def _address(self, address: Any) -> None:
        if isinstance(address, tuple) and len(address) >= 2:
            self._host(address[0], address[1])
        elif isinstance(address, str | bytes):
            path = os.fsdecode(address)
            abstract = path[:1] in ("", "\0")
            if not abstract and not self.reach.writes(path):
                self._refuse("network", path)

    def _host(self, host: Any, port: Any) -> None:
        name = os.fsdecode(host) if isinstance(host, str | bytes) else ""
        if name in _HERE or (self.loopback and (name.startswith(_LOOPBACK) or name == platform.node())):
            return
        number = os.fsdecode(port) if isinstance(port, bytes) else str(port or "")
        self._refuse("network", f"{name}:{number}".rstrip(":"))

    def _refuse(self, kind: str, what: str) -> None:
        if len(self.refused) < MOST_REFUSALS:
            frame = inspect.currentframe()
            self.refused.append(Refusal(kind, what, own_frames(frame, self.project), _imports(frame, what)))
        raise PermissionError(errno.EACCES, _WORDS[kind], what)


def _imports(frame: FrameType | None, what: str) -> bool:
    """Whether an import looks for it, and not the code."""
    if what in sys.path:
        return True
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
