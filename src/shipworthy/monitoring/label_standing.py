"""How many labels the watch knows, and how many of them name nothing: a small file, so that others can show it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.store.whole import write_whole

NAMED = 3  # keys of labels that name no prediction, which are shown


class LabelStanding(msgspec.Struct, frozen=True):
    """Labels as they stand, from `[labels]` and by HTTP together."""

    known: int  # keys with a label
    unmatched: int  # of them, those that name no recorded prediction
    examples: tuple[str, ...] = ()  # some of those
    newest: int | None = None  # when the newest became known, ns since 1970, UTC; None: not told

    @property
    def words(self) -> str:
        """In a sentence."""
        if not self.known:
            return "no label has come yet"
        newest = f", the newest known since {clock.to_iso(self.newest)[:19]}Z" if self.newest is not None else ""
        if not self.unmatched:
            return f"{self.known:,} labels are known{newest}"
        return (
            f"{self.known:,} labels are known{newest}; {self.unmatched:,} of them ({self.unmatched / self.known:.0%}) "
            f"name no prediction that is recorded, e.g. {', '.join(self.examples)}"
        )


def write_standing(path: Path, standing: LabelStanding) -> None:
    """Replace what was written; whoever reads sees the one or the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(standing))


def read_standing(path: Path) -> LabelStanding | None:
    """What the watch wrote last; None where it has not looked yet."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LabelStanding)
    except FileNotFoundError:
        return None
