"""What only the ledger and the log know, as Prometheus text: how far recorder and shadow are behind, who is live.

The server's own /metrics hold what its workers count. These are worked out whenever somebody asks, so they tell the
truth of a recorder that is dead, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.dashboard.view import StatusView

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "shipworthy_recorder_lag_seconds": "Time that the oldest answer has waited to be recorded.",
    "shipworthy_recorder_lag_bytes": "Log that is not recorded yet.",
    "shipworthy_recorder_lag_rows": "Answered rows that are not recorded yet; in proportion where they are many.",
    "shipworthy_live_release": "Number of the release that is live by the ledger.",
    "shipworthy_shadow_lag_seconds": "Time that the oldest answer has waited for the shadow.",
    "shipworthy_shadow_lag_rows": "Answered rows that the shadow has not read; in proportion where they are many.",
    "shipworthy_shadow_rows": "Rows that the shadow was asked.",
    "shipworthy_shadow_differing_rows": "Rows that it answered differently.",
    "shipworthy_shadow_failed_rows": "Rows that it failed on.",
    "shipworthy_shadow_missed_rows": "Rows that were gone before it had read them.",
}


def exposition(view: StatusView) -> str:
    """All of them; those of a shadow only while there is one."""
    lines: list[str] = []
    for name, labels, value in _figures(view):
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", f"{name}{{{labels}}} {value:.15g}"]
    return "".join(f"{line}\n" for line in lines)


def _figures(view: StatusView) -> Iterator[tuple[str, str, float]]:
    model = f'model="{view.model}"'
    if view.recorder is not None:
        yield "shipworthy_recorder_lag_seconds", model, view.recorder.seconds
        yield "shipworthy_recorder_lag_bytes", model, view.recorder.bytes
        yield "shipworthy_recorder_lag_rows", model, view.recorder.rows
    if view.live is not None:
        yield "shipworthy_live_release", model, view.live.number
    if view.shadow is not None:
        shadow = f'{model},release="{view.shadow.release}"'
        yield "shipworthy_shadow_lag_seconds", shadow, view.shadow.behind_seconds
        yield "shipworthy_shadow_lag_rows", shadow, view.shadow.behind_rows
        yield "shipworthy_shadow_rows", shadow, view.shadow.rows
        yield "shipworthy_shadow_differing_rows", shadow, round((view.shadow.differing or 0) * view.shadow.answered)
        yield "shipworthy_shadow_failed_rows", shadow, view.shadow.failed
        yield "shipworthy_shadow_missed_rows", shadow, view.shadow.missed
