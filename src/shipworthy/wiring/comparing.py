"""How a shadow compares with the releases that answered, read for people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from shipworthy import clock
from shipworthy.dashboard.view import ShadowView, ShadowWindow
from shipworthy.errors import NotFound, ShipworthyError
from shipworthy.models.bundle import DESCRIPTION
from shipworthy.models.metrics import measure
from shipworthy.models.records import BundleDescription
from shipworthy.monitoring.labels import known_labels
from shipworthy.monitoring.predicted import values_of
from shipworthy.predictions.ids import PredictionId
from shipworthy.recording.comparison import Comparison, add, quantile
from shipworthy.recording.following import Lag, lag
from shipworthy.recording.held import missed_rows
from shipworthy.recording.shadow import key
from shipworthy.recording.shadow_windows import comparisons
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import AliasChange
from shipworthy.registry.releases import Releases
from shipworthy.wiring.project import Project

# Labelled rows are looked for among the newest.
_NEWEST = (
    'SELECT prediction_id, id, release, "values", shadow_values FROM shadow WHERE shadow_values IS NOT NULL '
    "ORDER BY arrived DESC, prediction_id LIMIT 200000"
)


class LabelledComparison(msgspec.Struct, frozen=True):
    """The contract's metric of both on the same labelled rows."""

    metric: str
    release: int  # that answered, the newest one that did
    rows: int
    live: float | None  # of that release; None: it has no value on these rows
    shadow: float | None
    error: str = ""


class ShadowAnswer(msgspec.Struct, frozen=True):
    """What a shadow said to the row of one prediction."""

    release: int
    answer: list[float] | None  # as the prediction's; None: it has none
    prediction: str | float | None
    error: str | None  # why; None with no answer: its contract refuses the row


def read_shadow(project: Project) -> ShadowView | None:
    """The shadow that is, or else that was last; None where there never was one."""
    model, ledger = project.contract.name, project.ledger
    changes = Aliases(ledger).history(model, "shadow")
    if not changes:
        return None
    newest = changes[0].decode(AliasChange)
    release = newest.release if newest.release is not None else newest.before
    if release is None:
        return None
    began = next(entry.at for entry in changes if entry.decode(AliasChange).release == release)
    by_window = comparisons(ledger, model, release)
    total = Comparison()
    for counts in by_window.values():
        total = add(total, counts)
    behind = lag(project.layout.logs(model), ledger, model, key(release)) if newest.release is not None else None
    return ShadowView(
        release=release,
        since=began,
        runs=newest.release is not None,
        rows=total.rows,
        answered=total.answered,
        refused=total.refused,
        failed=total.failed,
        missed=missed_rows(ledger, model, release),
        differing=_share(total),
        median=quantile(total, 0.5),
        p99=quantile(total, 0.99),
        largest=quantile(total, 1.0),
        higher=sum(rows for level, rows in total.apart.items() if level > 0),
        lower=sum(rows for level, rows in total.apart.items() if level < 0),
        us_per_row=total.ns / 1000 / total.answered if total.answered else None,
        error=total.error,
        behind_bytes=behind.bytes if behind else 0,
        behind_seconds=behind.seconds if behind else 0.0,
        behind_rows=behind.rows if behind else 0,
        windows=tuple(
            ShadowWindow(window, answered, one.rows, _share(one), quantile(one, 0.99))
            for (window, answered), one in by_window.items()
        ),
    )


def shadow_lag(project: Project) -> Lag:
    """How far the shadow is behind: nothing where there is none, or with what was answered before it was named."""
    model, aliases = project.contract.name, Aliases(project.ledger)
    release = aliases.current(model, "shadow")
    if release is None:
        return Lag(0, 0.0, 0)
    since = aliases.since(model, "shadow")
    found = lag(project.layout.logs(model), project.ledger, model, key(release))
    named = (clock.now() - since) / clock.SECOND if since is not None else found.seconds
    return replace(found, seconds=min(found.seconds, named))


def labelled_comparison(project: Project, release: int) -> LabelledComparison | None:
    """Both on the rows whose truth is known, by `[labels]` or HTTP; None where no row has one yet."""
    contract = project.contract
    path = project.layout.shadow(contract.name, release)
    if not DeltaTable.is_deltatable(str(path)):
        return None
    labels = known_labels(contract, project.layout)
    labels.refresh()
    if not labels:
        return None
    rows = _query(path, _NEWEST)
    known, targets = labels.of(rows["prediction_id"], rows["id"])
    if not known.any():
        return None
    labelled, truth = rows.filter(pa.array(known)), targets[known]
    metric, answered = contract.gate.metric, labelled["release"][0].as_py()
    same = np.array([each == answered for each in labelled["release"].to_pylist()])  # one release, one order of classes
    labelled, truth = labelled.filter(pa.array(same)), truth[same]
    try:
        live = measure(metric, truth, values_of(labelled), _classes(project, answered))
        shadow = measure(metric, truth, values_of(_as_live(labelled)), _classes(project, release))
    except ShipworthyError as error:
        return LabelledComparison(metric, answered, len(truth), None, None, str(error))
    return LabelledComparison(metric, answered, len(truth), live, shadow)


def shadow_answers(project: Project, id_: PredictionId) -> tuple[ShadowAnswer, ...]:
    """What shadows said to one prediction's row, by release."""
    folder = project.layout.shadow(project.contract.name, 0).parent
    found = []
    for path in sorted(folder.glob("*"), key=lambda path: int(path.name)) if folder.is_dir() else ():
        if not DeltaTable.is_deltatable(str(path)):
            continue
        # The id holds digits, letters and dashes alone (`parse` has seen to it), so it cannot end the literal.
        query = f"SELECT * FROM shadow WHERE prediction_id = '{id_}'"  # noqa: S608
        found += [
            ShadowAnswer(row["shadow"], row["shadow_values"], row["shadow_prediction"], row["error"])
            for row in _query(path, query).to_pylist()
        ]
    return tuple(found)


def shadow_report(project: Project) -> tuple[ShadowView, LabelledComparison | None]:
    """All there is to say about the newest shadow. NotFound where there never was one."""
    view = read_shadow(project)
    if view is None:
        raise NotFound(
            f"{project.contract.name} never had a shadow: `shipworthy shadow RELEASE` has one run beside the live one"
        )
    return view, labelled_comparison(project, view.release)


def _share(counts: Comparison) -> float | None:
    return counts.differing / counts.answered if counts.answered else None


def _query(path: Any, query: str) -> pa.Table:
    return pa.table(QueryBuilder().register("shadow", DeltaTable(str(path))).execute(query))


def _as_live(rows: pa.Table) -> pa.Table:
    return rows.drop_columns(["values"]).rename_columns({"shadow_values": "values"})


def _classes(project: Project, release: int) -> Any:
    files = Releases(project.ledger, project.objects).get(project.contract.name, release).files
    sha = next(file.digest for file in files if file.path == DESCRIPTION)
    return msgspec.json.decode(project.objects.get(sha), type=BundleDescription).classes


def spoken(view: ShadowView) -> str:
    """A shadow in one sentence."""
    state = "is the shadow" if view.runs else "was the shadow"
    since = clock.to_iso(view.since)[:10]
    if not view.answered:
        return f"@{view.release} {state} since {since}; {view.rows:,} rows, none of them answered yet"
    return (
        f"@{view.release} {state} since {since}: {view.rows:,} rows, {view.differing or 0:.2%} answered differently, "
        f"scores apart by {view.median:.2g} (median), {view.p99:.2g} (p99)"
    )
