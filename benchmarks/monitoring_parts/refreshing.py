"""A model of the flights, trained again when ours speaks, or as often by the calendar: what is won."""

from __future__ import annotations

from typing import Any

import numpy as np
from monitoring_parts import real
from monitoring_parts.labelled import MOST, Labelled, auc_of, watched
from monitoring_parts.real import Column

HISTORY, WAIT, FIRST = 60, 14, 90  # days trained on; between refreshes; when production begins
OFFSETS = 3  # calendars, each a part of its period later than the last


class World:
    """The flights with labels, a row a flight, and what models say of them."""

    def __init__(self) -> None:
        stream = real.STREAMS["flights"]()
        assert stream.labels is not None
        known = ~np.isnan(stream.labels)
        self.columns = tuple(Column(one.name, one.category, one.values[known]) for one in stream.columns)
        self.inputs = np.column_stack([one.values for one in self.columns])
        self.labels, self.days = stream.labels[known], stream.days[known]
        self.last = int(self.days.max())
        self._scores: dict[int, np.ndarray] = {}

    def scores(self, day: int) -> np.ndarray:
        """Of a model trained on the HISTORY days before `day`."""
        if day not in self._scores:
            history = (self.days >= day - HISTORY) & (self.days < day)
            self._scores[day] = self._fitted(history).predict_proba(self.inputs)[:, 1]
        return self._scores[day]

    def honest(self, day: int) -> np.ndarray:
        """The same, but those of its own history by one of two models: the one that left the row's day out."""
        history, found = (self.days >= day - HISTORY) & (self.days < day), self.scores(day).copy()
        for odd in (0, 1):
            inside = history & (self.days % 2 == odd)
            found[inside] = self._fitted(history & ~inside).predict_proba(self.inputs[inside])[:, 1]
        return found

    def _fitted(self, chosen: np.ndarray) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(self.inputs[chosen], self.labels[chosen])

    def daily(self, refreshes: list[int]) -> float:
        """Mean of the daily AUC from FIRST on, each day by the model that was live."""
        found = []
        for day in range(FIRST, self.last + 1):
            live = max(one for one in refreshes if one <= day)
            today = self.days == day
            found.append(auc_of(self.labels[today], self.scores(live)[today]))
        return float(np.nanmean(found))

    def spoken(self, day: int, *, by_labels: bool) -> int | None:
        """The first day, WAIT after `day` or later, after whose window ours stands against the model of `day`."""
        days = np.arange(day - HISTORY, self.last + 1)
        begins, ends = np.searchsorted(self.days, days), np.searchsorted(self.days, days, side="right")
        picked = begins[:, None] + (np.arange(MOST) * ((ends - begins)[:, None] / MOST)).astype(np.int64)
        watch = [one for one in self.columns if one.name != "weekday"]
        values = (*(one.values[picked] for one in watch), self.honest(day)[picked])
        drifted, fallen, _ = watched(
            Labelled("flights", "as it is", tuple(watch), values, self.labels[picked], HISTORY)
        )
        later = np.flatnonzero((fallen if by_labels else drifted) & (np.arange(len(drifted)) >= WAIT - 1))
        return int(day + later[0] + 1) if len(later) else None


def policies(*, labels: bool) -> list[dict[str, Any]]:
    """Never; on evidence of drift; on evidence of labels; and by the calendar as often as each."""
    world = World()
    found = [{"policy": "never", "refreshes": 0, "auc": world.daily([FIRST])}]
    for name, by_labels in (("drift", False), ("labels", True)) if labels else (("drift", False),):
        days = [FIRST]
        while (day := world.spoken(days[-1], by_labels=by_labels)) is not None and day <= world.last:
            days.append(day)
        found.append(
            {"policy": f"ours, {name}", "refreshes": len(days) - 1, "auc": world.daily(days), "days": days[1:]}
        )
        if len(days) > 1:
            found.append(_calendar(world, len(days) - 1))
    return found


def _calendar(world: World, times: int) -> dict[str, Any]:
    """The mean of several calendars of so many refreshes."""
    period = (world.last - FIRST) / (times + 1)
    aucs = []
    for offset in range(OFFSETS):
        part = (offset + 1) / (OFFSETS + 1) - 0.5
        aucs.append(world.daily([FIRST, *(int(FIRST + period * (i + 1 + part)) for i in range(times))]))
    return {"policy": f"calendar, {OFFSETS} offsets", "refreshes": times, "auc": float(np.mean(aucs)), "each": aucs}
