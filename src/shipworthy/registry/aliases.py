"""Aliases: which release is live now, which was before; every change is a record, and the newest one holds.

Two who change an alias at once cannot both succeed: the n-th change is the ledger's key "<alias>:<n>".
"""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.errors import InUse, NotFound, Refused
from shipworthy.registry.records import Alias, AliasChange
from shipworthy.store.ledger import Entry, Ledger

KIND = "alias"


class Aliases:
    """The aliases of all models in one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def current(self, model: str, alias: Alias) -> int | None:
        """The number of the release that an alias names; None where it names none."""
        return _release(self._newest(model, alias))

    def history(self, model: str, alias: Alias = "live") -> list[Entry]:
        """Every AliasChange of an alias, newest first."""
        return self._ledger.entries(KIND, model, subject=alias)

    def promote(self, model: str, number: int, *, because: str, by: str, at: int | None = None) -> None:
        """Make a release live, and what was live `previous`, in one step. Nothing happens if it is live already.

        NotFound without such a release; InUse where somebody else changed the alias in this moment.
        """
        if self._ledger.by_key("release", model, str(number)) is None:
            raise NotFound(f"{model} has no release {number}; nothing was changed")
        live = self._newest(model, "live")
        if _release(live) == number:
            return
        self._change(model, [("live", live, number), *self._demotion(model, live)], because, by, at)

    def rollback(self, model: str, *, because: str, by: str, at: int | None = None) -> int:
        """Make the previous release live again; returns its number. Refused where there is none."""
        previous = self._newest(model, "previous")
        target = _release(previous)
        if target is None:
            raise Refused(f"{model} has no previous release to go back to; nothing was changed")
        live = self._newest(model, "live")
        self._change(model, [("live", live, target), *self._demotion(model, live)], because, by, at)
        return target

    def _demotion(self, model: str, live: Entry | None) -> list[tuple[Alias, Entry | None, int | None]]:
        if _release(live) is None:
            return []
        return [("previous", self._newest(model, "previous"), _release(live))]

    def _change(
        self,
        model: str,
        changes: Sequence[tuple[Alias, Entry | None, int | None]],
        because: str,
        by: str,
        at: int | None,
    ) -> None:
        try:
            with self._ledger.transaction() as connection:
                for alias, newest, release in changes:
                    change = AliasChange(alias, release, _release(newest), because, by)
                    key = f"{alias}:{_count(newest) + 1}"
                    self._ledger.append(KIND, model, change, subject=alias, key=key, at=at, connection=connection)
        except InUse as error:
            raise InUse(
                f"somebody else changed who is live for {model} in this moment; look and decide again"
            ) from error

    def _newest(self, model: str, alias: Alias) -> Entry | None:
        return self._ledger.newest(KIND, model, subject=alias)


def _release(change: Entry | None) -> int | None:
    return None if change is None else change.decode(AliasChange).release


def _count(change: Entry | None) -> int:
    return 0 if change is None or change.key is None else int(change.key.rpartition(":")[2])
