"""Charts of the page: pure functions from the view to Vega-Lite, by Altair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from shipworthy import clock
from shipworthy.dashboard.view import EvidenceView, Mark, QualityView, TrafficView
from shipworthy.monitoring.records import Moved

SHOWN = 6  # payoffs with a colour of their own: the strongest
CAUSES = 3  # payoffs of an alarm whose bins are drawn
BEFORE_AND_AFTER = ["#adb5bd", "#c92a2a"]
CAP = 12.0  # strengths above 10^12 say nothing more and would flatten the rest
COLOURS = {
    "quality fell": "#862e9c",
    "alarm": "#c92a2a",
    "released": "#2b8a3e",
    "held": "#e67700",
    "broken input": "#862e9c",
    "failed": "#862e9c",
}
Spec = dict[str, Any]


def evidence_chart(evidence: Sequence[EvidenceView], marks: Sequence[Mark]) -> Spec:
    """Strength of the evidence by window, for the payoffs that moved most; the dashed line is where alarms begin."""
    shown = _strongest(evidence)
    rows = [
        {
            "window": _iso(point.window),
            "payoff": point.payoff,
            "strength": max(min(point.strength, CAP), -3.0),
            "distance": round(point.distance, 4),
            "segment": f"{point.payoff} @{point.release}",
            "release": point.release,
        }
        for point in evidence
        if point.payoff in shown
    ]
    thresholds = sorted({(_iso(point.window), min(point.threshold, CAP)) for point in evidence})
    lines = (
        alt.Chart(_data(rows))
        .mark_line(interpolate="step-after", strokeWidth=1.8)
        .encode(
            x=_time("window"),
            y=alt.Y("strength:Q", title="evidence (log10)", scale=alt.Scale(zero=False)),
            color=alt.Color("payoff:N", title="payoff", sort=shown),
            detail="segment:N",
            tooltip=["payoff:N", "window:T", "strength:Q", "distance:Q", "release:Q"],
        )
    )
    limit = (
        alt.Chart(_data([{"window": at, "threshold": value} for at, value in thresholds]))
        .mark_line(strokeDash=[5, 4], color="#868e96", interpolate="step-after")
        .encode(x=_time("window"), y="threshold:Q")
    )
    return _finished(alt.layer(lines, limit, *_marks(marks)), 240)


def quality_chart(quality: Sequence[QualityView], marks: Sequence[Mark], metric: str, minimum: float | None) -> Spec:
    """The contract's metric by window; a smaller dot stands for fewer labelled rows.

    The band is what is estimated without labels, give or take two standard errors.
    """
    rows = [
        {"window": _iso(point.window), "value": point.value, "rows": point.rows, "release": f"@{point.release}"}
        for point in quality
        if point.value is not None
    ]
    # One release needs no name; alt.Undefined draws the usual legend.
    legend = None if len({point.release for point in quality}) < 2 else alt.Undefined
    dots = (
        alt.Chart(_data(rows))
        .mark_circle(opacity=0.45)
        .encode(
            x=_time("window"),
            y=alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False)),
            size=alt.Size("rows:Q", legend=None, scale=alt.Scale(range=[8, 60])),
            color=alt.Color("release:N", title="release", legend=legend),
            tooltip=["window:T", "value:Q", "rows:Q", "release:N"],
        )
    )
    trend = (
        alt.Chart(_data(rows))
        .transform_window(frame=[-6, 0], mean="mean(value)", groupby=["release"], sort=[{"field": "window"}])
        .mark_line(strokeWidth=2)
        .encode(x=_time("window"), y="mean:Q", color="release:N")
    )
    layers = [*_estimated(quality), dots, trend, *_marks(marks)] if rows else [*_estimated(quality), *_marks(marks)]
    if minimum is not None:
        floor = alt.Chart(_data([{"minimum": minimum}]))
        layers.append(floor.mark_rule(strokeDash=[5, 4], color="#868e96").encode(y="minimum:Q"))
    return _finished(alt.layer(*layers), 200)


def _estimated(quality: Sequence[QualityView]) -> list[alt.Chart]:
    rows = [
        {
            "window": _iso(point.window),
            "estimated": point.estimated,
            "low": point.estimated - 2 * (point.estimated_error or 0.0),
            "high": point.estimated + 2 * (point.estimated_error or 0.0),
            "release": f"@{point.release}",
        }
        for point in quality
        if point.estimated is not None
    ]
    if not rows:
        return []
    data, y = _data(rows), alt.Scale(zero=False)
    band = alt.Chart(data).mark_area(opacity=0.35, color="#ced4da")
    line = alt.Chart(data).mark_line(strokeDash=[2, 2], color="#868e96")
    return [
        band.encode(x=_time("window"), y=alt.Y("low:Q", title="", scale=y), y2="high:Q", detail="release:N"),
        line.encode(x=_time("window"), y="estimated:Q", detail="release:N"),
    ]


def distance_chart(evidence: Sequence[EvidenceView], marks: Sequence[Mark]) -> Spec:
    """Total variation between each window and the reference: drift that is allowed can be seen to grow, too."""
    shown = _strongest(evidence)
    rows = [
        {"window": _iso(point.window), "payoff": point.payoff, "distance": round(point.distance, 4)}
        for point in evidence
        if point.payoff in shown
    ]
    lines = (
        alt.Chart(_data(rows))
        .mark_line(strokeWidth=1.4)
        .encode(
            x=_time("window"),
            y=alt.Y("distance:Q", title="rows moved", axis=alt.Axis(format="%")),
            color=alt.Color("payoff:N", title="payoff", sort=shown),
        )
    )
    return _finished(alt.layer(lines, *_marks(marks)), 170)


def bins_chart(moved: Sequence[Moved]) -> Spec:
    """The bins that moved most of the payoffs that moved most: their share of the reference, and since."""
    rows = [
        {"payoff": one.payoff, "bin": cell.bin, "of": name, "share": share}
        for one in moved[:CAUSES]
        for cell in one.bins
        for name, share in (("reference", cell.before), ("since", cell.after))
    ]
    bars = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of rows", axis=alt.Axis(format="%")),
            y=alt.Y("bin:N", title=None, sort=None),
            yOffset=alt.YOffset("of:N", sort=["reference", "since"]),
            color=alt.Color("of:N", title=None, scale=alt.Scale(domain=["reference", "since"], range=BEFORE_AND_AFTER)),
        )
        .properties(width=280, height=alt.Step(13))
    )
    spec: Spec = (
        bars.facet(column=alt.Column("payoff:N", title=None, sort=[one.payoff for one in moved[:CAUSES]]))
        .resolve_scale(y="independent", x="independent")
        .configure_view(stroke=None)
        .to_dict()
    )
    return spec


def rate_chart(traffic: Sequence[TrafficView], promised: float) -> Spec:
    """Requests a second against the contract's rate."""
    rows = [{"at": _iso(point.at), "rate": point.rate} for point in traffic]
    area = alt.Chart(_data(rows)).mark_area(opacity=0.3, line=True, color="#1c7ed6")
    return _against(area, "rate", "requests / s", promised)


def latency_chart(traffic: Sequence[TrafficView], promised: float) -> Spec:
    """Latency inside the server, p50 and p99, against the SLA."""
    rows = [
        {"at": _iso(point.at), "latency": value, "of": name}
        for point in traffic
        for name, value in (("p50", point.p50_ms), ("p99", point.p99_ms))
        if value is not None
    ]
    lines = alt.Chart(_data(rows)).mark_line().encode(color=alt.Color("of:N", title=None))
    return _against(lines, "latency", "ms", promised)


def _against(chart: alt.Chart, field: str, title: str, limit: float) -> Spec:
    drawn = chart.encode(x=_clock("at"), y=alt.Y(f"{field}:Q", title=title))
    rule = alt.Chart(_data([{"limit": limit}])).mark_rule(strokeDash=[5, 4], color="#c92a2a")
    return _finished(alt.layer(drawn, rule.encode(y="limit:Q")), 160)


def _strongest(evidence: Iterable[EvidenceView]) -> list[str]:
    best: dict[str, float] = {}
    for point in evidence:
        best[point.payoff] = max(best.get(point.payoff, -99.0), point.strength)
    return sorted(best, key=lambda payoff: -best[payoff])[:SHOWN]


def _marks(marks: Sequence[Mark]) -> list[alt.Chart]:
    rows = [{"at": _iso(mark.at), "kind": mark.kind, "words": mark.words} for mark in marks]
    if not rows:
        return []
    present = [kind for kind in COLOURS if kind in {mark.kind for mark in marks}]
    colours = alt.Scale(domain=present, range=[COLOURS[kind] for kind in present])
    rules = (
        alt.Chart(_data(rows))
        .mark_rule(strokeWidth=1.6)
        .encode(
            x=_time("at"),
            stroke=alt.Stroke("kind:N", title="what happened", scale=colours),
            tooltip=["kind:N", "at:T", "words:N"],
        )
    )
    return [rules]


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _clock(field: str) -> alt.X:
    """Minutes of today, in UTC: never a bare fraction of a second."""
    return alt.X(
        f"{field}:T",
        title="time (UTC)",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%H:%M:%S", tickCount=5, labelOverlap=True),
    )


def _time(field: str) -> alt.X:
    return alt.X(
        f"{field}:T", title="time (UTC)", scale=alt.Scale(type="utc"), axis=alt.Axis(labelOverlap=True)
    )  # windows are cut in UTC


def _iso(instant: int) -> str:
    return clock.to_iso(instant)


def _finished(chart: Any, height: int) -> Spec:
    spec: Spec = (
        chart.properties(width="container", height=height, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelColor="#495057", titleColor="#495057", gridColor="#e9ecef")
        .configure_legend(orient="bottom", direction="horizontal", columns=3, labelLimit=220)  # the width is the plot's
        .to_dict()
    )
    return spec
