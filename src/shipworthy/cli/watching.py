"""The commands `watch` (what closes, a drill, or a log of the past) and `skew`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import marked, say, say_json, say_plain, table
from shipworthy.cli.options import HERE, NO_END, Folder, Json
from shipworthy.errors import Refused, Undecided, WrongUse

if TYPE_CHECKING:
    from shipworthy.monitoring.records import Drill
    from shipworthy.monitoring.skew import Skew
    from shipworthy.registry.records import Verdict


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(watch)
    app.command()(skew)


def watch(  # noqa: PLR0913 - an option each
    once: Annotated[bool, typer.Option("--once", help="Look at the closed windows and stop.")] = False,
    drill: Annotated[bool, typer.Option("--drill", help="Show that a drift would be noticed and told.")] = False,
    log: Annotated[str | None, typer.Option(help="A table of past predictions to replay: delta:PATH, Parquet.")] = None,
    reference: Annotated[str | None, typer.Option(help="FIRST..LAST day, the first days (90d), or a table.")] = None,
    time: Annotated[str | None, typer.Option(help="The log's column that says when.")] = None,
    score: Annotated[str | None, typer.Option(help="The log's column of probabilities.")] = None,
    prediction: Annotated[str | None, typer.Option(help="The log's column of predicted numbers.")] = None,
    label: Annotated[str | None, typer.Option(help="The log's column of labels.")] = None,
    classes: Annotated[str | None, typer.Option(help="NO,YES: the labels in the order of the answers.")] = None,
    features: Annotated[str | None, typer.Option(help="A,B,…: the log's columns to watch.")] = None,
    window: Annotated[str | None, typer.Option(help="Length of the log's windows, as in 1d.")] = None,
    drift: Annotated[float | None, typer.Option(help="Share of rows that may move before it counts.")] = None,
    false_alarms: Annotated[str | None, typer.Option(help='As in "1 per year", for all that is watched.')] = None,
    season: Annotated[str | None, typer.Option(help="auto, none, hour-of-day, day-of-week or hour-of-week.")] = None,
    segment: Annotated[str | None, typer.Option(help="Hold rows against those with the same value of it.")] = None,
    metric: Annotated[str | None, typer.Option(help="What quality is measured by.")] = None,
    slices: Annotated[str | None, typer.Option(help="A,B,…: categories by whose values to tell quality apart.")] = None,
    compare: Annotated[list[str] | None, typer.Option(help="A rule to compare with: psi, ks, …, all.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the log's report there, as one HTML file.")] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Weigh the evidence of drift and quality in closed windows; raise alarms and deliver alerts."""
    if drill:
        _drill(project, json=json)
        return
    if log is not None:
        from shipworthy.cli.replaying import replay_log  # noqa: PLC0415 - start-up time
        from shipworthy.replay.roles import Asked  # noqa: PLC0415 - start-up time
        from shipworthy.wiring.replaying import Settings  # noqa: PLC0415 - start-up time

        asked = Asked(time, score, prediction, label, _names(classes) or (), _names(features))
        settings = Settings(
            reference, window, drift, false_alarms, metric, tuple(compare or ()), season, segment, _names(slices)
        )
        replay_log(project, log, asked, settings, report_to=report, json=json)
        return
    _only_with_log(
        reference,
        time,
        score,
        prediction,
        label,
        classes,
        features,
        window,
        drift,
        false_alarms,
        season,
        segment,
        metric,
        slices,
        compare,
        report,
    )
    from shipworthy.monitoring.records import Alarm  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.watch import run_watch  # noqa: PLC0415 - start-up time

    if json and not once:
        raise WrongUse(NO_END)
    raised = run_watch(project, once=once)
    if json:
        say_json({"alarms": [{"id": entry.id, "alarm": entry.decode(Alarm)} for entry in raised]})


def skew(project: Folder = HERE, json: Json = False) -> None:
    """Hold what the server saw against the same rows in the training source, feature by feature."""
    from shipworthy.gate.checks.skew import skew as judged  # noqa: PLC0415 - start-up time
    from shipworthy.monitoring.skew import Skew  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.skewing import find_skew  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    entry = find_skew(opened, opened.contract)
    found, rule = entry.decode(Skew), opened.contract.gate.skew
    verdict = judged(rule, found, entry.id, source=found.source)
    if json:
        say_json(found)
    else:
        _say_skew(found)
        enough = found.compared >= rule.fewest
        say(marked(verdict.outcome if enough else "undecided", f"{verdict.reason}; kept as {entry.id}"))
    if verdict.outcome == "blocked":
        raise Refused("what is served is not what the training source says")
    if found.compared < rule.fewest:
        raise Undecided(f"{found.compared:,} rows could be compared, {rule.fewest:,} are needed (gate.skew.fewest)")


def _say_skew(found: Skew) -> None:
    from shipworthy.monitoring.skew import written  # noqa: PLC0415 - start-up time

    of = f"{found.compared:,} of the {found.served:,} newest rows with an id stand in it"
    say_plain(f"{found.location}, {found.pinned}: {of}")
    columns = ("feature", "rows that differ", "of", "e.g. id", "training", "served", "prediction")
    rows = [
        (
            one.feature,
            f"{one.differing:,}",
            f"{one.rows:,}",
            one.id,
            *map(written, (one.training, one.served)),
            one.prediction,
        )
        for one in found.features
    ]
    if rows:
        table("Training/serving skew", columns, rows)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _only_with_log(*given: object) -> None:
    if any(value is not None and value != [] for value in given):
        raise WrongUse("expected --log with these options: they are about a table of past predictions")


def _drill(project: Path, *, json: bool) -> None:
    from shipworthy.gate.checks.alerting import alerting  # noqa: PLC0415 - start-up time
    from shipworthy.monitoring import records  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.drilling import drill_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    entry = drill_project(open_project(project))
    drill = entry.decode(records.Drill)
    verdict = alerting(drill, entry.id)
    if json:
        say_json({"id": entry.id, "drill": drill, "verdict": verdict})
    else:
        _say_drill(drill, verdict)
    if verdict.outcome != "passed":
        raise Refused("nobody would be told of a drift")


def _say_drill(drill: Drill, verdict: Verdict) -> None:
    say(marked(verdict.outcome, f"{drill.subject}: {verdict.reason}"))
    for reached in drill.channels:
        why = f": {reached.reason}" if reached.reason else ""
        say("  " + marked("passed" if reached.arrived else "blocked", f"{reached.channel}{why}"))
