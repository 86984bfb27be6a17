"""From an error of the user's code to what it was refused, whoever opened it and however that puts it."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipworthy.environments.runner.blame import own_frames
from shipworthy.environments.runner.sandbox.watching import Refusal, Watch

_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ECONNREFUSED, errno.EADDRNOTAVAIL)
_CANNOT_OPEN = re.compile(
    r"denied|not open|(fail|unable|error).*open|open.*fail|cannot read|no such file|not found|does not exist|not exist"
    r"|errno.{0,4}13|os error 13",
    re.IGNORECASE,
)
_CANNOT_REACH = re.compile(
    r"(network|host) is unreachable|connection refused|name resolution|resolv\w* host|could not connect|dns error"
    r"|couldn't connect|failed to connect|name or service not known|error sending request|socket[\s\S]{0,200}denied"
    r"|no network in a training",
    re.IGNORECASE,
)
_WORD = re.compile(r"""[^\s"'`\[\](){}<>,;=|]+""")
_QUOTED = re.compile(r"""["'`]([^"'`\n]+)["'`]""")
_ADDRESS = re.compile(r"[a-z0-9+]+://[^\s\"'`<>)]+", re.IGNORECASE)
_BY_CHILD = re.compile(r"no network in a training: '([^']+)'")  # the hook of a Python that this one has started
Told = tuple[str, str]  # kind and what, as of a Refusal

_TAIL = 8192
_LONGEST = 4096  # of a path


def found(error: BaseException, watch: Watch, output: Path) -> Refusal | None:
    """What the sandbox refused that made the code fail; None where it failed of itself. `output`: what it printed."""
    chain = list(_chain(error))
    for each in chain:
        told = _told(each, watch)
        if told is not None:
            frames = _noted(watch, told[1]) or own_frames(each.__traceback__, watch.project)
            return Refusal(*told, frames or own_frames(error.__traceback__, watch.project), importing=False)
    if isinstance(error, ImportError):
        return next((refusal for refusal in watch.refused if refusal.importing), None)
    if any(isinstance(each, subprocess.SubprocessError) for each in chain):
        told = _of_paths(_tail(output), watch)
        if told:
            return Refusal(*told, own_frames(error.__traceback__, watch.project), importing=False)
    return None


def passed_over(watch: Watch) -> list[str]:
    """What the code was refused and went on without, with its line; not what imports look for."""
    lines = (
        f"{refusal.kind} {refusal.what} ({refusal.frames[-1][0]}, line {refusal.frames[-1][1]})"
        for refusal in watch.refused
        if refusal.frames and not refusal.importing
    )
    return list(dict.fromkeys(lines))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it came of, however it was raised again."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            yield each
            waiting += [each.__context__, each.__cause__]


def _told(error: BaseException, watch: Watch) -> Told | None:
    if isinstance(error, OSError):
        told = _of_system(error, watch)
        if told:
            return told
    text = _text(error)
    if isinstance(error, subprocess.CalledProcessError) or _CANNOT_OPEN.search(text):
        told = _of_paths(text, watch)
        if told:
            return told
    return ("network", _address(text, watch)) if _CANNOT_REACH.search(text) else None


def _of_system(error: OSError, watch: Watch) -> Told | None:
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if error.errno in _DENIED:
        for name in names:
            known = next((refusal.kind for refusal in watch.refused if refusal.what == name), None)
            if known:
                return known, name
            path = str(Path(name).absolute())
            if watch.outside(path):
                return "read", path
            if not watch.reach.writes(path):
                return "write", path
    if error.errno == errno.ENOENT:
        meant = next(filter(None, (watch.outside(str(Path(name).absolute())) for name in names)), None)
        return ("read", meant) if meant else None
    no_socket = error.errno == errno.EACCES and not names and _in_socket(error)
    if isinstance(error, socket.gaierror) or error.errno in _UNREACHABLE or no_socket:
        return "network", _address(str(error), watch)
    return None


def _in_socket(error: OSError) -> bool:
    return any(frame.f_code.co_filename == socket.__file__ for frame, _ in traceback.walk_tb(error.__traceback__))


def _text(error: BaseException) -> str:
    """All words of an error, the command and the output of a program that failed among them."""
    words: list[Any] = [str(error)]
    if isinstance(error, subprocess.CalledProcessError):
        command = error.cmd if isinstance(error.cmd, list | tuple) else [error.cmd]
        words += [*command, error.stderr]
    return "\n".join(word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in words if word)


def _of_paths(text: str, watch: Watch) -> Told | None:
    """The first path in a text that is there and out of reach; or is not there, and may not be made."""
    places = [Path(name).absolute() for name in _names(text)]
    for place in places:
        meant = watch.outside(str(place))
        if meant:
            return "read", meant
    for place in places:
        made = not place.exists() and place.parent.is_dir() and place.parent != place.parent.parent
        if made and not watch.reach.writes(str(place)):
            return "write", str(place)
    return None


def _names(text: str) -> Iterator[str]:
    """What could be a path: quoted, the end of a line after a colon, a word."""
    ends = [line.split(": ", part)[-1] for line in text.splitlines() for part in range(line.count(": ") + 1)]
    for name in [*_QUOTED.findall(text), *ends, *_WORD.findall(text)]:
        for each in (name.strip(), name.strip().rstrip(".:")):
            if each.strip(os.sep + ".") and len(each) < _LONGEST:
                yield each


def _address(text: str, watch: Watch) -> str:
    named = _ADDRESS.search(text)
    if named:
        return named.group()
    by_child = _BY_CHILD.search(text)
    if by_child:
        return by_child[1]
    return next((refusal.what for refusal in reversed(watch.refused) if refusal.kind == "network"), "")


def _noted(watch: Watch, what: str) -> list[Any]:
    return next((refusal.frames for refusal in watch.refused if refusal.what == what), [])


def _tail(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    return content[-_TAIL:].decode(errors="replace")
