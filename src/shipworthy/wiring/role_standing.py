"""Whether record, watch and refresh work, as the ledger and the `up` of this machine know it, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.dashboard.view import RoleView
from shipworthy.store.beats import Beat, How, beat
from shipworthy.store.ledger import Ledger
from shipworthy.store.whole import write_whole

ROLES = ("record", "watch", "refresh")
DOES = {
    "record": "answers are brought into the table and the windows",
    "watch": "drift and quality are looked at, and alerts told",
    "refresh": "the model is retrained when that is due",
}
FILE = "roles.json"
EVERY = 10 * clock.SECOND  # between two beats
RECENT = 5 * clock.MINUTE  # a role that ended since is failing, though it was started again


class Ended(msgspec.Struct, frozen=True):
    """A role of `up` that ended and was started again."""

    at: int  # ns since 1970, UTC
    code: int
    said: str  # its last words
    times: int  # since `up` began


class Pulse:
    """Says that a role works, every now and then."""

    def __init__(self, ledger: Ledger, model: str, role: str) -> None:
        self._ledger, self._model, self._role, self._next = ledger, model, role, 0

    def __call__(self) -> None:
        """Called in every step."""
        now = clock.now()
        if now >= self._next:
            self._next = now + EVERY
            beat(self._ledger, self._model, self._role, "runs", now=now)

    def end(self, how: How = "ended") -> None:
        """Called where it ends in order."""
        beat(self._ledger, self._model, self._role, how)


def during(step: Callable[[], bool], pulse: Pulse) -> Callable[[], bool]:
    """A role's step that says that it was done."""

    def stepping() -> bool:
        found = step()
        pulse()
        return found

    return stepping


def write_ends(state: Path, ends: Mapping[str, Ended]) -> None:
    """What an `up` knows of its roles' ends; whole or not there."""
    write_whole(state / FILE, msgspec.json.encode(ends))


def read_ends(state: Path) -> dict[str, Ended]:
    """The same, read; {} where no `up` has run."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=dict[str, Ended])
    except FileNotFoundError:
        return {}


def role_views(
    beats: Mapping[str, Beat], ends: Mapping[str, Ended], *, running: bool, now: int
) -> tuple[RoleView, ...]:
    """What is to be said of each role. running: an `up` of this machine has them. Pure."""
    return tuple(_view(role, beats.get(role), ends.get(role) if running else None, now) for role in ROLES)


def _view(role: str, sign: Beat | None, ended: Ended | None, now: int) -> RoleView:
    at = sign.at if sign is not None else None
    if ended is not None and ended.at + RECENT > now:
        often = "once" if ended.times == 1 else f"again and again, {ended.times} times"
        words = f"{role} ends {often} since `up` began, newest with {ended.code}: {ended.said}"
        return RoleView(role, "failing", at, words, _silent(sign, now))
    if sign is None:
        return RoleView(role, "never", None, f"nobody has run {role} yet: {DOES[role]} by it", 0.0)
    when = f"{clock.to_iso(sign.at)[:19]}Z on {sign.where}"
    if sign.silent(now):
        words = f"{role} is dead or hangs: it last worked at {when}; its output/{role}.log says why"
        return RoleView(role, "silent", at, words, _silent(sign, now))
    if sign.how == "runs":
        return RoleView(role, "works", at, f"{role} works, newest sign {when}", 0.0)
    return RoleView(role, "ended", at, f"{role} does not run; it last worked at {when}", 0.0)


def _silent(sign: Beat | None, now: int) -> float:
    return (now - sign.at) / clock.SECOND if sign is not None and sign.silent(now) else 0.0
