"""Aliases: who is live now, who was before, who is the shadow; every change is a record, and the newest one holds.

Two who change an alias at once cannot both succeed: the n-th change is the ledger's key "<alias>:<n>".
"""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.errors import InUse, NotFound, Refused
from shipworthy.registry.records import Alias, AliasChange, Release
from shipworthy.registry.retirements import retirement_of
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
        if self._named(model, number).shadow:
            raise Refused(
                f"{model}@{number} was signed as a shadow, with checks open, and never answers; nothing was changed. "
                "`shipworthy release` of its run makes one that may, once they have passed"
            )
        live = self._newest(model, "live")
        if _release(live) == number:
            return
        self._change(model, [("live", live, number), *self._aside(model, live, number)], because, by, at)

    def rollback(self, model: str, *, because: str, by: str, at: int | None = None) -> int:
        """Make the previous release live again; returns its number. Refused where there is none."""
        previous = self._newest(model, "previous")
        target = _release(previous)
        if target is None:
            raise Refused(f"{model} has no previous release to go back to; nothing was changed")
        live = self._newest(model, "live")
        self._change(model, [("live", live, target), *self._aside(model, live, target)], because, by, at)
        return target

    def shadow(self, model: str, number: int, *, because: str, by: str, at: int | None = None) -> None:
        """Have a release run beside the live one, in place of any other. Nothing happens if it does already.

        NotFound without such a release; Refused where it is live itself, or nothing is.
        """
        self._named(model, number)
        live, shadow = self.current(model, "live"), self._newest(model, "shadow")
        if live is None or live == number:
            answers = "nothing of it is live" if live is None else f"@{number} is live itself"
            raise Refused(f"{model}: a shadow runs beside the live release, and {answers}; nothing was changed")
        if _release(shadow) != number:
            self._change(model, [("shadow", shadow, number)], because, by, at)

    def end_shadow(self, model: str, *, because: str, by: str, at: int | None = None) -> int:
        """Have no shadow from now on; returns the number of that which was. Refused where there is none."""
        shadow = self._newest(model, "shadow")
        number = _release(shadow)
        if number is None:
            raise Refused(f"{model} has no shadow; nothing was changed")
        self._change(model, [("shadow", shadow, None)], because, by, at)
        return number

    def since(self, model: str, alias: Alias) -> int | None:
        """When an alias was given to whom it names now, ns; None where it names none."""
        newest = self._newest(model, alias)
        return newest.at if newest is not None and _release(newest) is not None else None

    def _named(self, model: str, number: int) -> Release:
        entry = self._ledger.by_key("release", model, str(number))
        if entry is None:
            raise NotFound(f"{model} has no release {number}; nothing was changed")
        return entry.decode(Release)

    def _aside(self, model: str, live: Entry | None, coming: int) -> list[tuple[Alias, Entry | None, int | None]]:
        """What changes besides, when another release becomes live: who was before, and who no longer is a shadow."""
        found: list[tuple[Alias, Entry | None, int | None]] = []
        if _release(live) is not None:
            found.append(("previous", self._newest(model, "previous"), _release(live)))
        shadow = self._newest(model, "shadow")
        if _release(shadow) == coming:
            found.append(("shadow", shadow, None))
        return found

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
                self._refuse_retired(model, changes)
                for alias, newest, release in changes:
                    change = AliasChange(alias, release, _release(newest), because, by)
                    key = f"{alias}:{_count(newest) + 1}"
                    self._ledger.append(KIND, model, change, subject=alias, key=key, at=at, connection=connection)
        except InUse as error:
            raise InUse(
                f"somebody else changed who is live for {model} in this moment; look and decide again"
            ) from error

    def _refuse_retired(self, model: str, changes: Sequence[tuple[Alias, Entry | None, int | None]]) -> None:
        for alias, _, release in changes:
            ended = None if release is None else retirement_of(self._ledger, model, release)
            if ended is not None:
                raise Refused(
                    f"{model}@{release} was retired by {ended.by} ({ended.because}) and cannot be {alias}; what it was "
                    "built from may be gone. Nothing was changed"
                )

    def _newest(self, model: str, alias: Alias) -> Entry | None:
        return self._ledger.newest(KIND, model, subject=alias)


def _release(change: Entry | None) -> int | None:
    return None if change is None else change.decode(AliasChange).release


def _count(change: Entry | None) -> int:
    return 0 if change is None or change.key is None else int(change.key.rpartition(":")[2])
