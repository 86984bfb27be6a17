"""Commands that make a model and its proof: train, rebuild, check, waive, release, ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shipworthy.cli.console import Progress, marked, say, say_error, say_json, say_plain, table
from shipworthy.cli.endpoint import check_endpoint
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.cli.tracking import telling
from shipworthy.errors import Refused, Undecided, WrongUse

if TYPE_CHECKING:
    from shipworthy.lineage.records import DataPin
    from shipworthy.registry.records import Release
    from shipworthy.wiring.project import Project

RunName = Annotated[str, typer.Argument(help="A run: its id, the beginning of it, or latest.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (train, rebuild, check, waive, release, ship):
        app.command()(command)


def train(
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="parameters.NAME=VALUE, as often as you like.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Train the model in its locked environment and record what it was made from."""
    from shipworthy.lineage.records import Run  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.training import signer_of, train_project  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened), Progress(json).shown() as report:
        entry = train_project(opened, report, changes=_changes(set_ or []))
    run, signer = entry.decode(Run), signer_of(opened, entry)
    if json:
        say_json({"id": entry.id, "run": run, "signed_by": signer})
        return
    table(
        "",
        ("what", "figure"),
        (
            ("run", entry.id),
            ("data", ", ".join(f"{pin.name} {pin.rows:,} rows, {_version(pin)}" for pin in run.data)),
            (
                "code",
                f"{len(run.code.files)} files, {run.code.digest[:12]}, {_commit(run.code.commit, run.code.dirty)}",
            ),
            ("environment", f"{len(run.environment.distributions)} distributions, Python {run.environment.python}"),
            (
                "sandbox",
                "; ".join([run.environment.sandbox, *(f"refused: {each}" for each in run.environment.refused)]),
            ),
            ("metrics", ", ".join(f"{name} {value:.4f}" for name, value in run.metrics.items()) or "none reported"),
            ("trained in", f"{run.seconds:.1f} s"),
            ("signed by", signer),
        ),
    )
    say(f"Next: [bold]shipworthy rebuild {entry.id}[/], or [bold]shipworthy ship[/] for all that remains.")


def rebuild(
    run: RunName = "latest",
    no_diagnosis: Annotated[
        bool, typer.Option("--no-diagnosis", help="Do not look for the cause where it differs.")
    ] = False,
    exactly: Annotated[
        bool, typer.Option("--exactly", help="Look for the cause wherever the bytes of the model differ.")
    ] = False,
    beyond_budget: Annotated[
        bool, typer.Option("--beyond-budget", help="Train again even where that takes longer than the contract allows.")
    ] = False,
    in_: Annotated[
        str, typer.Option("--in", help="Where: here, or container (with docker or podman, inside --base).")
    ] = "here",
    base: Annotated[
        str | None,
        typer.Option(envvar="SHIPWORTHY_BASE_IMAGE", help="The image to retrain in, pinned: NAME@sha256:…"),
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Make a run again from its record alone, say how alike the two are, and why where they are not."""
    from shipworthy.lineage.records import Rebuild, reaches  # noqa: PLC0415 - start-up time
    from shipworthy.training.diagnosis import shown  # noqa: PLC0415 - start-up time
    from shipworthy.training.equivalence import told  # noqa: PLC0415 - start-up time
    from shipworthy.training.rebuild import How  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.rebuilding import rebuild_in  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.training import signer_of  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened), Progress(json).shown() as report:
        entry = rebuild_in(opened, run, report, in_, base, How(not no_diagnosis, exactly, beyond_budget))
    record = entry.decode(Rebuild)
    good = reaches(record.rung, record.wanted)
    if json:
        say_json({"id": entry.id, "rebuild": record, "signed_by": signer_of(opened, entry)})
    else:
        say(marked("passed" if good else "blocked", f"{record.run}: {record.rung}; asked for {record.wanted}"))
        say_plain(*(f"  {difference}" for difference in record.differences))
        if record.equivalence is not None:
            say_plain(f"  {told(record.equivalence)}")
        if record.diagnosis is not None:
            say_plain(*(f"  {line}" for line in shown(record.diagnosis)))
    if not good:
        raise Refused(f"the rebuild of {record.run} is {record.rung}; the contract asks for {record.wanted}")


def check(  # noqa: PLR0913 - one argument an option
    run: RunName = "latest",
    url: Annotated[
        str | None, typer.Option(help="Check an endpoint that answers already, in place of a run: http://…")
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(help="With --url: a contract; [features] and [serving] will do. Else the project's, or proposed."),
    ] = None,
    sample: Annotated[Path | None, typer.Option(help="With --url: rows to send, Parquet or CSV.")] = None,
    dialect: Annotated[str | None, typer.Option(help="With --url: how rows travel in a body; else found out.")] = None,
    template: Annotated[Path | None, typer.Option(help="With --url: a file with a body of your own.")] = None,
    answer: Annotated[str, typer.Option(help="With --url: a JSON pointer to the answers, such as /result/score.")] = "",
    rate: Annotated[float | None, typer.Option(help="With --url: requests a second; else the contract's.")] = None,
    p99_ms: Annotated[float | None, typer.Option(help="With --url: milliseconds; else the contract's.")] = None,
    seconds: Annotated[float, typer.Option(help="With --url: the measurement lasts so long at most.")] = 30.0,
    header: Annotated[list[str] | None, typer.Option(help="With --url: 'Name: value', as often as you like.")] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="With --url: report what is taken beyond the contract, and let it pass.")
    ] = False,
    write_contract: Annotated[
        Path | None, typer.Option(help="With --url: write the contract that the endpoint's description proposes.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Hold a run against every check of the gate, or an endpoint that exists against its SLA and schema (--url)."""
    if url is not None:
        from shipworthy.wiring.endpoint import Asked  # noqa: PLC0415 - start-up time

        asked = Asked(
            url=url,
            contract=contract,
            sample=sample,
            dialect=dialect,
            template=template,
            answer=answer,
            rate=rate,
            p99_ms=p99_ms,
            seconds=seconds,
            headers=tuple(header or ()),
            lenient=lenient,
            write_contract=write_contract,
        )
        check_endpoint(project, asked, json=json)
        return
    if any((contract, sample, dialect, template, answer, rate, p99_ms, header, lenient, write_contract)):
        raise WrongUse("--contract, --sample and the like belong to an endpoint: expected --url with them")
    from shipworthy.wiring.checking import check_run  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened), Progress(json).shown() as report:
        checked = check_run(opened, run, report)
    if json:
        say_json(checked)
    else:
        _say_verdicts(checked.verdicts)
        say(f"ML Test Score {checked.score:g} of 7")
    _stop_unless(checked.outcome, checked.reason)


def waive(
    check_name: Annotated[str, typer.Argument(metavar="CHECK", help="The check to let pass.")],
    until: Annotated[str, typer.Option(help="The date it ends, e.g. 2027-01-31.")],
    because: Annotated[str, typer.Option(help="Why, for whoever reads the evidence.")],
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Let a check pass for a time: signed, shown everywhere, and expiring loudly."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.releasing import waive_check  # noqa: PLC0415 - start-up time

    waiver = waive_check(open_project(project), check_name, until, because)
    if json:
        say_json(waiver)
        return
    say(marked("waived", f"{waiver.check} is waived until {until} by {waiver.by}: {waiver.because}"))


def release(
    run: RunName = "latest",
    as_: Annotated[Literal["live", "shadow"], typer.Option("--as", help="live, or shadow.")] = "live",
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Release an adopted model without its training, signed as unproven.")
    ] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Release a run that passed: number it, sign it, make it live, or the shadow of the live one."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.releasing import release_run  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened):
        released = release_run(opened, run, shadow=as_ == "shadow", unproven=unproven)
    if json:
        say_json(released)
        return
    outcome = "passed" if released.proven else "waived"
    becomes = "is live" if as_ == "live" else "predicts beside the live release"
    say(marked(outcome, f"{released.model}@{released.number} {becomes}, {_proof(released)}; signed by {released.key}"))
    if as_ == "live":
        _say_next(opened)


def ship(project: Folder = HERE, json: Json = False) -> None:
    """Train, rebuild, check and release; goes on where it stopped."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.shipping import foreseen, ship_project  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    for sentence in foreseen(opened):
        say_error(sentence)
    with telling(opened), Progress(json).shown() as report:
        shipped = ship_project(opened, report)
    if json:
        say_json(shipped)
    else:
        _say_verdicts(shipped.verdicts)
        if shipped.release is not None and shipped.release == shipped.live:
            say(marked("passed", f"{opened.contract.name}@{shipped.release} is live ({shipped.run})"))
            _say_next(opened)
        elif shipped.release is not None:
            say(marked("waived", shipped.reason))
    _stop_unless(shipped.outcome, shipped.reason)


def _say_next(opened: Project) -> None:
    """An `up` or `serve` that runs follows the alias by itself."""
    from shipworthy.store.holding import holder_of  # noqa: PLC0415 - start-up time

    if holder_of(opened.layout.state) is None:
        say("Next: [bold]shipworthy up[/], which answers requests by it, and watches it.")


def _proof(released: Release) -> str:
    against = [f"{verdict.check} {verdict.outcome}" for verdict in released.verdicts if verdict.outcome != "passed"]
    against += [] if released.rebuild else ["never rebuilt"]
    return "proven by rebuilding it" if released.proven else f"UNPROVEN: {', '.join(against)}"


def _say_verdicts(verdicts: object) -> None:
    say(*(marked(verdict.outcome, f"{verdict.check:<14} {verdict.reason}") for verdict in verdicts))  # type: ignore[attr-defined]


def _stop_unless(outcome: str, reason: str) -> None:
    if outcome == "blocked":
        raise Refused(reason)
    if outcome == "undecided":
        raise Undecided(reason)


def _changes(texts: list[str]) -> dict[str, str]:
    changes = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.startswith("parameters."):
            raise WrongUse(f"--set {text}: expected parameters.NAME=VALUE, such as parameters.learning_rate=0.1")
        changes[key.removeprefix("parameters.")] = value
    return changes


def _version(pin: DataPin) -> str:
    if pin.commit is not None:
        return f"commit {pin.commit[:12]}"
    return f"version {pin.version}" if pin.version is not None else "snapshotted"


def _commit(commit: str | None, dirty: bool | None) -> str:
    if commit is None:
        return "no commit"
    return f"commit {commit[:12]}{' with local changes' if dirty else ''}"
