"""Commands before a model exists: init, rehearse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import Progress, marked, say, say_json, say_plain, table
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import Refused, Undecided

if TYPE_CHECKING:
    from shipworthy.registry.records import LatencyVerdict, Rehearsal


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (init, prepare, rehearse):
        app.command()(command)


def init(
    sample: Annotated[
        str, typer.Argument(help="The training data, or some of it: Parquet, CSV, a folder of them, a Delta table.")
    ],
    target: Annotated[str | None, typer.Option(help="The column to predict; guessed if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; the sample's if not given.")] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Write a commented contract from a sample of the data, and whatever else a project lacks."""
    from shipworthy.wiring.starting import start_project  # noqa: PLC0415 - start-up time

    started = start_project(project, sample, target=target, name=name)
    if json:
        say_json({"written": [str(p) for p in started.written], "kept": [str(p) for p in started.kept]})
        return
    say(*(marked("done", f"wrote {path}") for path in started.written))
    say(*(marked("", f"kept {path}, which was there") for path in started.kept))
    say_plain(*started.said)
    say("Next: read shipworthy.toml and put in what only you know, then [bold]shipworthy rehearse[/].")


def prepare(project: Folder = HERE, json: Json = False) -> None:
    """Create the project's state, or bring an older one up to this shipworthy."""
    from shipworthy.store.preparation import prepare as prepare_state  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import find_layout  # noqa: PLC0415 - start-up time

    layout = find_layout(project)
    prepare_state(layout)
    if json:
        say_json({"state": str(layout.state)})
        return
    say(marked("done", f"the state in {layout.state} is ready"))


def rehearse(
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer looks at rates and costs; the verdict is as strict.")
    ] = False,
    model_ms: Annotated[
        float | None, typer.Option(help="Also measure with a model whose calls take so many milliseconds.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Measure whether the serving stack can keep the SLA before any model exists, and what it leaves for the model."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.rehearsing import rehearse_project  # noqa: PLC0415 - start-up time

    opened = open_project(project, needs="serving")
    with Progress(json).shown() as report:
        entry, rehearsal = rehearse_project(opened, report, quick=quick, model_ms=model_ms)
    if json:
        say_json({"id": entry.id, "rehearsal": rehearsal})
    else:
        say(marked(rehearsal.verdict.outcome, rehearsal.verdict.reason))
        table(
            "",
            ("what", "figure"),
            (
                ("promised", opened.contract.serving.promise),
                ("the platform's own p99", f"{rehearsal.platform_ms:.2f} ms"),
                ("highest rate that keeps the SLA", f"{rehearsal.highest_rate:,.0f} requests/s"),
                ("latency budget for the model", f"{rehearsal.budget_ms:.2f} ms a call"),
                ("ready after", f"{rehearsal.verdict.ready_ms or 0:,.0f} ms"),
                ("the very first request", _cold(rehearsal.verdict)),
                ("the load generator's own lateness", _lateness(rehearsal)),
                ("kept as", entry.id),
            ),
        )
        _say_model(rehearsal)
    if rehearsal.verdict.outcome == "blocked":
        raise Refused("the serving stack cannot keep this SLA, whatever the model: change [serving], or the machine")
    if rehearsal.verdict.outcome == "undecided":
        raise Undecided("the rehearsal could not decide; run it again on a machine that is less busy")
    _stop_unless_kept(rehearsal)


def _lateness(rehearsal: Rehearsal) -> str:
    limit = "; it, not the server, was the limit of the highest rate" if rehearsal.highest_rate_at_least else ""
    return f"{rehearsal.verdict.generator_late_ms:.2f} ms (p99){limit}"


def _cold(verdict: LatencyVerdict) -> str:
    return "not answered" if verdict.cold_ms is None else f"{verdict.cold_ms:.2f} ms"


def _say_model(rehearsal: Rehearsal) -> None:
    if rehearsal.with_model is None:
        return
    say(
        marked(
            rehearsal.with_model.outcome, f"with a model of {rehearsal.model_ms:g} ms: {rehearsal.with_model.reason}"
        )
    )
    say(f"  the SLA is then kept up to {rehearsal.model_rate:,.0f} requests/s")


def _stop_unless_kept(rehearsal: Rehearsal) -> None:
    """The exit code is also that of the model asked about."""
    if rehearsal.with_model is None or rehearsal.with_model.outcome == "passed":
        return
    if rehearsal.with_model.outcome == "blocked":
        raise Refused(
            f"a model of {rehearsal.model_ms:g} ms a call does not keep the SLA: {rehearsal.with_model.reason}"
        )
    raise Undecided(f"with a model of {rehearsal.model_ms:g} ms: {rehearsal.with_model.reason}")
