"""adopt: what a model that a team already has is ready for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shipworthy.cli.console import Progress, marked, say, say_json, say_plain, table
from shipworthy.cli.options import HERE, Folder, Json

_OUTCOMES = {"recorded": "passed", "partly": "undecided", "lacking": "blocked"}


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(adopt)


def adopt(  # noqa: PLR0913 - one for each option
    model: Annotated[str, typer.Argument(help="A model file, or models:/NAME@ALIAS of an MLflow registry.")],
    sample: Annotated[Path | None, typer.Option(help="Rows that it is asked about: Parquet or CSV.")] = None,
    environment: Annotated[
        Path | None, typer.Option(help="A lock that it loads in; else what is installed here is frozen.")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(envvar="MLFLOW_TRACKING_URI", help="Where the MLflow registry is.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The sample's column that holds the truth.")] = None,
    features: Annotated[
        str | None, typer.Option(help="The sample's columns in the model's order, if it names none: a,b,c.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; the file's if not given.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the proposed contract, if there is none.")] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Report what a model that you already have lacks, how fast it answers, and what to do next."""
    from shipworthy.wiring import adopting  # noqa: PLC0415 - start-up time

    named = tuple(part.strip() for part in (features or "").split(",") if part.strip())
    request = adopting.Request(
        model=model,
        folder=project,
        sample=sample,
        environment=environment,
        tracking_uri=tracking_uri,
        target=target,
        features=named,
        name=name,
        write=write,
    )
    with Progress(json).shown() as report:
        entry, adoption = adopting.adopt(request, report)
    if json:
        say_json({"id": entry.id, "adoption": adoption})
        return
    _say(adoption)
    say(marked("done", f"kept as {entry.id}, after {adoption.seconds:.0f} s"))
    say_plain(f"To serve it as it is, signed as unproven: shipworthy release {entry.id} --unproven")


def _say(adoption: Any) -> None:
    say_plain(f"{adoption.model}: {adoption.family}, looked at with {adoption.rows:,} rows", "")
    say("[bold]Could it be made again?[/]")
    say(*(marked(_OUTCOMES[each.state], f"{each.ingredient:<12} {each.found}") for each in adoption.findings))
    say("", "[bold]What the gate would say[/]")
    say(*(marked(each.outcome, f"{each.check:<12} {each.reason}") for each in adoption.verdicts))
    say("")
    _say_runtimes(adoption)
    _say_features(adoption)
    say(f"ML Test Score {adoption.score.score:g} of 7: {adoption.score.meaning}")
    say_plain(*(f"Note: {note}" for note in adoption.notes))
    if adoption.written:
        say(marked("done", f"wrote {adoption.written}"))
    say("", "[bold]Next[/]")
    say_plain(*(f"  {number}. {step}" for number, step in enumerate(adoption.next, 1)))


def _say_runtimes(adoption: Any) -> None:
    chosen = adoption.bundle.online
    rows = [
        (
            f"{each.name}{' (would serve)' if each.name == chosen else ''}",
            f"equal on {each.probes:,} probes" if each.equal else _short(f"not used: {each.reason}"),
            _figure(each.microseconds_one),
            _figure(each.microseconds_batch),
        )
        for each in adoption.bundle.runtimes
    ]
    table("Runtimes", ("runtime", "beside the model's own call", "µs a row alone", "µs a row of 1,000"), rows)
    say("")


def _say_features(adoption: Any) -> None:
    rows = [
        (each.name, each.type, "yes" if each.nullable else "", _range(each))
        for each in adoption.contract.features[:_MOST]
    ]
    table("Inputs, as proposed", ("feature", "type", "nullable", "range or values"), rows)
    more = len(adoption.contract.features) - len(rows)
    say(*([f"… and {more} more; --json shows all, --write writes them down"] if more else []), "")


_MOST = 30  # features that are shown
_LONGEST = 90  # characters of a reason


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… (--json has it all)"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _range(feature: Any) -> str:
    if feature.values is not None:
        return ", ".join(feature.values[:6]) + (", …" if len(feature.values) > 6 else "")
    if feature.min is None and feature.max is None:
        return ""
    return f"{feature.min if feature.min is not None else '-∞':g} to {feature.max:g}"
