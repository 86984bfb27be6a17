"""Rows to look at for the alarms of a replay: one more pass over the log, of what moved, until all have some.

A log may have no ids of predictions; then a row is named by its file and its place in it, counted from 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from shipworthy.counts.outputs import watched
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.monitoring.examples import Search
from shipworthy.monitoring.records import Alarm
from shipworthy.monitoring.stored import feature_column
from shipworthy.monitoring.tables import answers_of
from shipworthy.replay.reference import Task, times_in

_IDS = ("prediction_id", "id")  # columns of a log that name its rows


def with_examples(
    task: Task, reference: Reference, windows: Mapping[int, Counts], alarms: Sequence[Alarm]
) -> list[Alarm]:
    """The alarms with rows of the bins that grew most. reference: that the windows were held against, as settled."""
    followed = sorted(windows.items())
    searches = {
        index: Search(reference, [one for one in followed if one[0] < alarm.event_time], alarm)
        for index, alarm in enumerate(alarms)
        if alarm.moved
    }
    _look_through(task, list(searches.values()))
    return [
        msgspec.structs.replace(alarm, examples=searches[index].found) if index in searches else alarm
        for index, alarm in enumerate(alarms)
    ]


def _look_through(task: Task, searches: Sequence[Search]) -> None:
    if all(search.done for search in searches):
        return
    roles, window = task.roles, task.monitoring.window
    there = set(task.log.schema.names)
    features = sorted({name for search in searches for name in search.features} & there)
    ids = [name for name in _IDS if name in there]
    columns = list(dict.fromkeys([roles.time, roles.answer, *features, *ids]))
    seen: Counter[str] = Counter()  # rows of each file so far
    for file, part in task.log.parts(columns):
        begin = seen[file]
        seen[file] += part.num_rows
        times = times_in(part, roles.time, file)
        kept = np.flatnonzero(times != NULL_TIMESTAMP)
        starts = (times - times % window)[kept]
        rows = _as_stored(task, part.take(kept), starts, features, [f"{file} row {begin + row}" for row in kept])
        for search in searches:
            search.take(rows)
        if all(search.done for search in searches):
            return


def _as_stored(task: Task, part: pa.Table, starts: np.ndarray, features: Sequence[str], names: list[str]) -> pa.Table:
    """The rows as the table of a recorder would have them."""
    answers = watched(answers_of(part, task.roles.answer, task.roles.task))
    given = {name: part[name].cast(pa.string()) for name in _IDS if name in part.column_names}
    columns = {
        "prediction_id": given.get("prediction_id", pa.array(names, pa.string())),
        "id": given.get("id", pa.nulls(part.num_rows, pa.string())),
        "release": pa.array(np.zeros(part.num_rows, dtype=np.int64)),
        "window": pa.array(starts),
        **{feature_column(name): part[name] for name in features},
        **{"score" if name == "prediction" else name: pa.array(values) for name, values in answers},
    }
    return pa.table(columns)
