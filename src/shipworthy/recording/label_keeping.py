"""How long labels that came by HTTP are kept: as long as the predictions that they are of.

Their files are joined as they get many. A label goes when it came before the instant up to which predictions have been
removed, and names none that is kept; so do labels that never named any. What goes is written down first.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from shipworthy import clock
from shipworthy.predictions.label_files import Sweep, join, swept_until
from shipworthy.predictions.label_log import folder_of
from shipworthy.recording.retention import KIND, Removal, note
from shipworthy.recording.table import PredictionTable
from shipworthy.store.ledger import Ledger

SWEEP_EVERY = clock.DAY  # of what is removed; looking up all ids of the table costs as much as reading them
_YOUNG = clock.DAY  # a label may have come before its prediction is recorded


def keep_labels(logs: Path, table: PredictionTable, ledger: Ledger, model: str, *, now: int | None = None) -> int:
    """Join the files of labels, without those that are of no use any more; how many files were joined.

    One process at a time: whoever records the model's logs.
    """
    folder = folder_of(logs)
    if not folder.is_dir():
        return 0
    found = (entry.decode(Removal) for entry in ledger.entries(KIND, model))
    removal = next((one for one in found if one.table == "predictions"), None)
    before = 0 if removal is None else min(removal.before, (clock.now() if now is None else now) - _YOUNG)
    if removal is None or before - swept_until(folder) < SWEEP_EVERY:
        return join(folder)

    def of_use(keys: list[str]) -> set[str]:
        named = table.named(keys)
        if len(named) < len(keys):
            note(ledger, model, replace(removal, table="labels", before=before, rows=len(keys) - len(named)))
        return named

    return join(folder, sweep=Sweep(before, of_use))
