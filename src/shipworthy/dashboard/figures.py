"""What only the ledger and the log know, as Prometheus text: who is live, drift, quality, alerts, and who is behind.

The server's own /metrics hold what its workers count. These are worked out whenever somebody asks, so they tell the
truth of a recorder that is dead, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shipworthy.dashboard.view import EvidenceView, ShadowView, StatusView

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "shipworthy_live_release": "Number of the release that is live by the ledger; 0 where none is.",
    "shipworthy_live_proven": "1 where the live release is proven.",
    "shipworthy_waivers": "Waivers in force.",
    "shipworthy_drift_evidence": "log10 of the evidence of drift against the live release's reference.",
    "shipworthy_drift_distance": "Total variation between the newest window and the reference.",
    "shipworthy_drift_threshold": "log10 of the evidence that one payoff alone needs for an alarm.",
    "shipworthy_newest_event_time_seconds": "How far the model's own time has come.",
    "shipworthy_quality": "The gate's metric on the newest labelled window.",
    "shipworthy_quality_rows": "Labelled rows of that window.",
    "shipworthy_quality_estimated": "The gate's metric on the newest closed window, estimated without labels.",
    "shipworthy_quality_estimated_error": "Standard error of that estimate.",
    "shipworthy_quality_slice": "The gate's metric where a feature has one value, over the newest windows.",
    "shipworthy_labels": "Keys that a label is known of.",
    "shipworthy_labels_unmatched": "Labels that name no recorded prediction.",
    "shipworthy_labels_newest_seconds": "When the newest label became known.",
    "shipworthy_alerts": "Alerts that are open, acknowledged or silenced.",
    "shipworthy_alerts_undelivered": "Alerts that a channel has not taken.",
    "shipworthy_recorder_lag_seconds": "Time that the oldest answer has waited to be recorded.",
    "shipworthy_recorder_lag_bytes": "Log that is not recorded yet.",
    "shipworthy_recorder_lag_rows": "Answered rows that are not recorded yet; in proportion where they are many.",
    "shipworthy_role_works": "1 where a role works; 0 where it should and does not, or ends again and again.",
    "shipworthy_disk_free_bytes": "Room on the disk of the project's state.",
    "shipworthy_disk_size_bytes": "Size of that disk.",
    "shipworthy_shadow_lag_seconds": "Time that the oldest answer has waited for the shadow.",
    "shipworthy_shadow_lag_rows": "Answered rows that the shadow has not read; in proportion where they are many.",
    "shipworthy_shadow_rows": "Rows that the shadow was asked.",
    "shipworthy_shadow_differing_rows": "Rows that it answered differently.",
    "shipworthy_shadow_failed_rows": "Rows that it failed on.",
    "shipworthy_shadow_missed_rows": "Rows that were gone before it had read them.",
}
PHASES = ("open", "acknowledged", "silenced")

_Figure = tuple[str, dict[str, str], float]  # name, labels besides the model, value


def exposition(view: StatusView) -> str:
    """All of them; those of a shadow, of drift and of quality only while there is something to say."""
    found: dict[str, list[str]] = {}
    for name, labels, value in _figures(view):
        said = ",".join(f'{key}="{_escaped(text)}"' for key, text in {"model": view.model, **labels}.items())
        found.setdefault(name, []).append(f"{name}{{{said}}} {float(value)!r}")
    lines = [
        line
        for name, series in found.items()
        for line in (f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *series)
    ]
    return "".join(f"{line}\n" for line in lines)


def _figures(view: StatusView) -> Iterator[_Figure]:
    yield "shipworthy_live_release", {}, view.live.number if view.live else 0
    yield "shipworthy_live_proven", {}, float(view.live is not None and view.live.proven)
    yield "shipworthy_waivers", {}, len(view.waivers)
    yield from _drift(view)
    yield from _quality(view)
    if view.labels is not None:
        yield "shipworthy_labels", {}, view.labels.known
        yield "shipworthy_labels_unmatched", {}, view.labels.unmatched
        if view.labels.newest is not None:
            yield "shipworthy_labels_newest_seconds", {}, view.labels.newest / 1e9
    yield from _alerts(view)
    if view.recorder is not None:
        yield "shipworthy_recorder_lag_seconds", {}, view.recorder.seconds
        yield "shipworthy_recorder_lag_bytes", {}, view.recorder.bytes
        yield "shipworthy_recorder_lag_rows", {}, view.recorder.rows
    for role in view.roles:
        if role.state not in ("never", "ended"):  # somebody else's schedule
            yield "shipworthy_role_works", {"role": role.role}, float(role.state == "works")
    if view.disk is not None:
        yield "shipworthy_disk_free_bytes", {}, view.disk.free
        yield "shipworthy_disk_size_bytes", {}, view.disk.size
    if view.shadow is not None:
        yield from _shadow(view.shadow)


def _quality(view: StatusView) -> Iterator[_Figure]:
    labelled = next((one for one in reversed(view.quality) if one.value is not None), None)
    if labelled is not None and labelled.value is not None:
        labels = {"release": str(labelled.release), "metric": view.metric}
        yield "shipworthy_quality", labels, labelled.value
        yield "shipworthy_quality_rows", labels, labelled.rows
    estimated = next((one for one in reversed(view.quality) if one.estimated is not None), None)
    if estimated is not None and estimated.estimated is not None:
        labels = {"release": str(estimated.release), "metric": view.metric}
        yield "shipworthy_quality_estimated", labels, estimated.estimated
        yield "shipworthy_quality_estimated_error", labels, estimated.estimated_error or 0.0
    for one in view.slices:
        for by, value in (("labels", one.quality), ("estimate", one.estimated)):
            if value is not None:
                labels = {"metric": view.metric, "feature": one.feature, "value": one.value, "by": by}
                yield "shipworthy_quality_slice", labels, value


def _drift(view: StatusView) -> Iterator[_Figure]:
    live = view.live.number if view.live else 0
    newest: dict[str, EvidenceView] = {point.payoff: point for point in view.evidence if point.release == live}
    for payoff, point in newest.items():
        labels = {"release": str(live), "payoff": payoff}
        yield "shipworthy_drift_evidence", labels, point.strength
        yield "shipworthy_drift_distance", labels, point.distance
    for point in list(newest.values())[:1]:
        yield "shipworthy_drift_threshold", {"release": str(live)}, point.threshold
    if view.newest is not None:
        yield "shipworthy_newest_event_time_seconds", {}, view.newest / 1e9


def _alerts(view: StatusView) -> Iterator[_Figure]:
    found = Counter((alert.cause, alert.phase) for alert in view.alerts)
    for cause in sorted({"drift", "performance", *(alert.cause for alert in view.alerts)}):
        for phase in PHASES:
            yield "shipworthy_alerts", {"cause": cause, "phase": phase}, found[cause, phase]
    yield "shipworthy_alerts_undelivered", {}, sum(bool(alert.waiting) for alert in view.alerts)


def _shadow(shadow: ShadowView) -> Iterator[_Figure]:
    labels = {"release": str(shadow.release)}
    yield "shipworthy_shadow_lag_seconds", labels, shadow.behind_seconds
    yield "shipworthy_shadow_lag_rows", labels, shadow.behind_rows
    yield "shipworthy_shadow_rows", labels, shadow.rows
    yield "shipworthy_shadow_differing_rows", labels, round((shadow.differing or 0) * shadow.answered)
    yield "shipworthy_shadow_failed_rows", labels, shadow.failed
    yield "shipworthy_shadow_missed_rows", labels, shadow.missed


def _escaped(text: str) -> str:
    """A label's value as Prometheus reads it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
