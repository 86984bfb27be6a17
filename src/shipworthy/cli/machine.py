"""What the machine refuses in the middle of a command: a full disk, a place that cannot be written, a ledger away.

These are no defects of a command, and nobody reads them out of a traceback. They are told where every command ends,
since they can happen wherever anything is written. What else is raised is a defect and keeps its traceback. Pure.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shipworthy.store.layout import FOLDER

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_ROOM = "make room and give the same command again: what was finished is kept"

_READ_ONLY = (
    "the project's state (.shipworthy/) may be read here and not written; commands that only look (status, lineage, "
    "verify, report, show, …) go on; give this one as the user whom it belongs to, where the disk may be written"
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is said, and the exit code: 2 where a place has to be changed, 3 where the same command may work later."""

    said: str
    exit_code: int


def trouble(error: BaseException) -> Trouble | None:
    """What the machine refused, if that is what an error comes from; None for a defect."""
    return next((found for one in _causes(error) for found in (_of(one),) if found is not None), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _of(error: BaseException) -> Trouble | None:
    if "disk is full" in str(error) or "No space left on device" in str(error):
        return Trouble(f"no space is left on the disk{_where(error)}; {_ROOM}", 3)
    if isinstance(error, OSError):
        return _of_file(error)
    if "readonly database" in str(error):
        return Trouble(_READ_ONLY, 2)
    return _of_ledger(error) if type(error).__module__.startswith("sqlalchemy.") else None


def _of_ledger(error: BaseException) -> Trouble | None:
    from shipworthy.store.database import AWAY, in_words  # noqa: PLC0415 - start-up time: it is there, or nothing of it

    if not isinstance(error, AWAY):
        return None
    return Trouble(
        f"the ledger cannot be read or written: {in_words(error)}; expected a database that is up and a folder that "
        "may be written (SHIPWORTHY_DATABASE_URL, else .shipworthy/ledger.db); then give the same command again",
        3,
    )


def _of_file(error: OSError) -> Trouble | None:
    if error.errno in _FULL:
        return Trouble(f"no space is left on the disk{_where(error)}; {_ROOM}", 3)
    if error.errno in _CLOSED and error.filename is not None and FOLDER in Path(_name(error.filename)).parts:
        return Trouble(f"{_name(error.filename)} is not open to this user: {error.strerror}; {_READ_ONLY}", 2)
    if error.errno in _CLOSED and error.filename is not None:
        return Trouble(
            f"{_name(error.filename)} is not open to this user: {error.strerror}; expected a place that may be read "
            "and written. SHIPWORTHY_CACHE names another one for environments, SHIPWORTHY_CONFIG for keys",
            2,
        )
    return None


def _where(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return "" if name is None else f" of {_name(name)}"


def _name(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
