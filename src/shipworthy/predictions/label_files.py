"""The files of labels that came by HTTP: read as they grow, and joined once they are finished.

A joined file `_joined-<number>.jsonl` begins with a head that names the files it stands for. From the moment that it
has its name those count no more, whether they are still there or not: so a reader gives the same labels, and the same
`bytes`, before, after and between any two steps of joining, and whoever was killed in between is followed by one who
only has to remove what counts no more. Joining keeps of each key the label that is the truth (`Label.rank`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from shipworthy.predictions.label_log import Label, sync_folder
from shipworthy.predictions.log import REHEARSAL

FEWEST = 8  # finished files that are worth joining
_JOINED = "_joined-"  # no source is called so
_VERSION = 1


class Head(msgspec.Struct, frozen=True):
    """The first line of a joined file."""

    version: int
    of: dict[str, int]  # files that it stands for, and the bytes of whole lines that each had
    bytes: int  # that were ever written of what it stands for
    swept: int = 0  # labels that came before (ns), and name no prediction that is kept, have been left out


class Fresh(NamedTuple):
    """What a reader found."""

    labels: list[Label]
    replaces: bool  # they are all there is; else they are added to what was read before


class LabelReader:
    """Reads what is new in the labels of a model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}  # file -> bytes that were read of it
        self._stands: dict[str, int] = {}  # file that counts -> bytes that were ever written of what it stands for
        self._heads: dict[str, Head] = {}  # of joined files, which never change
        self._swept = 0

    @property
    def bytes(self) -> int:
        """That were read so far, as they were written: joining changes nothing about it."""
        return sum(self._stands.values())

    def fresh(self) -> Fresh:
        """Labels since the last call, file by file."""
        while True:
            try:
                return self._fresh()
            except FileNotFoundError:  # joined since the folder was listed: its labels stand elsewhere now
                continue

    def _fresh(self) -> Fresh:
        files = _current(self._folder, self._heads)
        swept = max((file.head.swept for file in files if file.head is not None), default=0)
        replaces = swept > self._swept and bool(self._read)
        before: dict[str, int] = {} if replaces else self._read
        found: list[Label] = []
        now: dict[str, int] = {}
        stands: dict[str, int] = {}
        for file in files:
            begin = before.get(file.path.name, 0)
            known = file.head is not None and all(before.get(one, -1) >= size for one, size in file.head.of.items())
            if file.head is not None and (begin or known):
                now[file.path.name] = file.path.stat().st_size
                stands[file.path.name] = file.head.bytes
                continue
            whole = _whole(file.path, begin)
            found += _labels(whole)
            now[file.path.name] = begin + len(whole)
            stands[file.path.name] = begin + len(whole) if file.head is None else file.head.bytes
        self._read, self._stands, self._swept = now, stands, max(swept, self._swept)
        return Fresh(found, replaces)


class Sweep(NamedTuple):
    """What may be left out: labels that came before an instant, unless they are still of use."""

    before: int  # ns since 1970, UTC
    of_use: Callable[[list[str]], set[str]]  # of keys, those that name a prediction which is kept


def join(folder: Path, *, fewest: int = FEWEST, sweep: Sweep | None = None) -> int:
    """Join finished files, if at least `fewest` have come since the last time, or all to sweep; how many were joined.

    One process at a time. SIGKILL at any moment loses and repeats nothing.
    """
    _tidy(folder)
    with ExitStack() as locks:
        finished = [file for file in _current(folder) if locks.enter_context(_finished(file))]
        chosen = finished if sweep is not None else _chosen(finished, fewest)
        if not chosen:
            return 0
        _write(folder, chosen, sweep)
        _remove(chosen)
        return len(chosen)


class _File(NamedTuple):
    path: Path
    head: Head | None  # of a joined file
    size: int


def swept_until(folder: Path) -> int:
    """Before which instant (ns) labels have been left out; 0 where none ever were."""
    return max((file.head.swept for file in _current(folder) if file.head is not None), default=0)


def _current(folder: Path, heads: dict[str, Head] | None = None) -> list[_File]:
    """The files that count, by name. heads: those that are known by now, and get more."""
    known = {} if heads is None else heads
    paths = sorted(path for path in folder.glob("*.jsonl") if not path.name.startswith(REHEARSAL))
    for path in paths:
        if path.name.startswith(_JOINED) and path.name not in known:
            known[path.name] = _head(path)
    files = [_File(path, known.get(path.name), path.stat().st_size) for path in paths]
    gone = {name for file in files if file.head is not None for name in file.head.of}
    return [file for file in files if file.path.name not in gone]


def _chosen(files: Sequence[_File], fewest: int) -> list[_File]:
    """What to join: all that were never joined, and joined files while they are not much larger than those together.

    So a label is written again about as often as the number of labels doubles.
    """
    chosen = [file for file in files if file.head is None]
    if len(chosen) < fewest:
        return []
    size = sum(file.size for file in chosen)
    for file in sorted((file for file in files if file.head is not None), key=lambda file: file.size):
        if file.size > 2 * size:
            break
        chosen.append(file)
        size += file.size
    return chosen


def _write(folder: Path, files: Sequence[_File], sweep: Sweep | None) -> None:
    truths: dict[str, Label] = {}
    sizes: dict[str, int] = {}
    stands = 0
    for file in files:
        whole = _whole(file.path, 0)
        sizes[file.path.name] = len(whole)
        stands += len(whole) if file.head is None else file.head.bytes
        for label in _labels(whole):
            before = truths.get(label.key)
            if before is None or label.rank > before.rank:
                truths[label.key] = label
    swept = max((file.head.swept for file in files if file.head is not None), default=0)
    if sweep is not None:
        truths, swept = _swept_out(truths, sweep), sweep.before
    number = max((_number(path) for path in folder.glob(f"{_JOINED}*.jsonl")), default=0) + 1
    head = Head(_VERSION, sizes, stands, swept)
    waiting = folder / f"{_JOINED}{number:08d}.part"
    with waiting.open("wb") as stream:
        stream.writelines(msgspec.json.encode(one) + b"\n" for one in _lines(head, truths))
        stream.flush()
        os.fsync(stream.fileno())
    waiting.rename(waiting.with_suffix(".jsonl"))
    sync_folder(folder)


def _lines(head: Head, truths: dict[str, Label]) -> Iterator[Head | Label]:
    yield head
    for key in sorted(truths):
        yield truths[key]


def _swept_out(truths: dict[str, Label], sweep: Sweep) -> dict[str, Label]:
    old = [key for key, label in truths.items() if (label.taken or label.known) < sweep.before]
    gone = set(old) - sweep.of_use(old)
    return {key: label for key, label in truths.items() if key not in gone}


def _tidy(folder: Path) -> None:
    """Remove what one who was killed left: files that count no more, halves, and what rehearsals were told."""
    current = {file.path.name for file in _current(folder)}
    for path in folder.glob("*.jsonl"):
        if path.name not in current and not (path.name.startswith(REHEARSAL) and _is_written(path)):
            path.unlink(missing_ok=True)
    for path in folder.glob("*.part"):
        path.unlink(missing_ok=True)


def _remove(files: Iterable[_File]) -> None:
    for file in files:
        file.path.unlink(missing_ok=True)


@contextmanager
def _finished(file: _File) -> Iterator[bool]:
    """Whether nobody will write into a file any more; for as long as that is looked at, nobody begins to."""
    if file.head is not None:
        yield True
        return
    opened = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        written = os.fstat(opened).st_size > 0
        if not written:  # its writer may just be about to take the lock: it finds the file gone, and begins another
            file.path.unlink(missing_ok=True)
        yield written
    except BlockingIOError:
        yield False
    finally:
        os.close(opened)


def _is_written(path: Path) -> bool:
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _head(path: Path) -> Head:
    with path.open("rb") as stream:
        return msgspec.json.decode(stream.readline(), type=Head)


def _number(path: Path) -> int:
    return int(path.stem.removeprefix(_JOINED))


def _whole(path: Path, begin: int) -> bytes:
    """Whole lines from a byte on."""
    with path.open("rb") as stream:
        stream.seek(begin)
        content = stream.read()
    return content[: content.rfind(b"\n") + 1]


def _labels(lines: bytes) -> list[Label]:
    return [label for line in lines.splitlines() if (label := _label(line)) is not None]


def _label(line: bytes) -> Label | None:
    try:
        return msgspec.json.decode(line, type=Label)
    except msgspec.DecodeError:  # a head; or broken off by a full disk: its caller was told so
        return None
