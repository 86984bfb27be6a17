"""Charts are drawn by Vega-Lite itself, so that a chart it would refuse fails here."""

import json

import vl_convert
from dashboard import samples

from shipworthy.dashboard import charts
from shipworthy.dashboard.view import TrafficView


def svg(spec: charts.Spec) -> str:
    return vl_convert.vegalite_to_svg(json.dumps(spec | {"width": 600}))


def rows(spec: charts.Spec) -> list[dict]:
    inline = [layer.get("data", {}).get("values", []) for layer in spec["layer"]]
    return [row for values in (*inline, *spec.get("datasets", {}).values()) for row in values]


def test_evidence_shows_the_payoffs_that_moved_most_and_the_limit():
    drawn = svg(charts.evidence_chart(samples.evidence(), samples.MARKS))
    assert all(f">{payoff}<" in drawn for payoff in ("temp", "dewp", "score"))
    assert ">origin<" not in drawn  # the weakest of seven
    assert all(f">{kind}<" in drawn for kind in ("alarm", "released", "held"))


def test_endless_evidence_is_drawn_at_the_cap():
    strong = tuple(samples.EvidenceView(point.window, 1, "temp", 400.0, 4.2, 0.4) for point in samples.evidence()[:9])
    spec = charts.evidence_chart(strong, ())
    assert {row["strength"] for row in rows(spec) if "strength" in row} == {charts.CAP}


def test_quality_is_drawn_by_release_with_the_gates_limit():
    drawn = svg(charts.quality_chart(samples.quality(), samples.MARKS, "auc", 0.62))
    assert ">@1<" in drawn
    assert ">@2<" in drawn


def test_latency_leaves_out_intervals_without_requests():
    points = (TrafficView(samples.START, 0.0, None, None, 0.0), TrafficView(samples.START + 1, 9.0, 1.0, 2.0, 0.0))
    assert [row["latency"] for row in rows(charts.latency_chart(points, 10)) if "latency" in row] == [1.0, 2.0]
