"""The report of a period as one HTML file: no script, no other file, nothing from a network. Pure."""

from __future__ import annotations

import json

import jinja2
import vl_convert
from markupsafe import Markup

from shipworthy import __version__, clock
from shipworthy.dashboard import charts
from shipworthy.dashboard.app import TEMPLATES
from shipworthy.dashboard.charts import Spec
from shipworthy.dashboard.period import PeriodView

_WIDTH = 1080  # px of a chart
_SHOWN_ALARMS = 20  # with plots of their bins; the rest are listed


def render(view: PeriodView) -> str:
    """The file's text."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    bins = [charts.bins_chart(alarm.moved) if alarm.moved else None for alarm in view.alarms[:_SHOWN_ALARMS]]
    return environment.get_template("report.html").render(
        view=view,
        evidence=drawn(charts.evidence_chart(view.evidence, view.marks)),
        distance=drawn(charts.distance_chart(view.evidence, view.marks)),
        quality=drawn(charts.quality_chart(view.quality, view.marks, view.metric, view.level))
        if view.quality
        else None,
        bins=[None if spec is None else drawn(spec, width=360) for spec in bins],
        day=_day,
        version=__version__,
    )


def drawn(spec: Spec, width: int = _WIDTH) -> Markup:
    """A chart as SVG, to stand in the page itself."""
    sized = {**spec, "width": width} if "width" in spec else spec
    # What is drawn from a log's own words is escaped by Vega.
    return Markup(vl_convert.vegalite_to_svg(json.dumps(sized)))


def _day(instant: int) -> str:
    return clock.to_iso(instant).removesuffix("T00:00:00Z")
