"""Commands for what leaves this machine: verify a release folder, export a bill of materials, build an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy import clock
from shipworthy.cli.console import Progress, marked, say, say_json, say_plain
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import WrongUse

if TYPE_CHECKING:
    from shipworthy.registry.chain import Proof
    from shipworthy.wiring.verifying import Record


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (verify, export, image):
        app.command()(command)


def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A release's folder, wherever it was copied to; in a project, a release or a run."
        ),
    ],
    trust: Annotated[
        list[Path] | None,
        typer.Option(help="A public key to believe, or a folder of them; this machine's trusted keys if not given."),
    ] = None,
    service: Annotated[
        list[Path] | None, typer.Option(help="Likewise, for keys that only a build service holds: SLSA asks for one.")
    ] = None,
    proven: Annotated[bool, typer.Option("--proven", help="Refuse a release that was signed as unproven.")] = False,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="Refuse a lower level of SLSA's build track.")] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Hold a release, or a run and its rebuilds, against signed statements; a folder needs no project."""
    from shipworthy.wiring import verifying  # noqa: PLC0415 - start-up time

    proof = verifying.verify(what, project, trust=trust or (), services=service or (), proven=proven, level=level)
    if json:
        say_json(proof)
    elif isinstance(proof, verifying.Record):
        _say_record(proof)
    else:
        _say_proof(proof)


def export(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release: NAME@3, @live, or its run.")] = "@live",
    cyclonedx: Annotated[
        bool, typer.Option("--cyclonedx", help="As a CycloneDX 1.6 bill of materials for machine learning.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The file to write; standard output if not given.")] = None,
    project: Folder = HERE,
) -> None:
    """Write what a release is made of in a form that other tools read; always JSON."""
    from shipworthy.wiring.billing import bill_of  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    if not cyclonedx:
        raise WrongUse("export needs to know the form: expected --cyclonedx")
    content = bill_of(open_project(project), release)
    if out is None:
        say_plain(content.decode())
        return
    out.write_bytes(content + b"\n")
    say(marked("done", f"wrote {out}"))


def image(  # noqa: PLR0913 - one for each option
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release: NAME@3, @live, or its run.")] = "@live",
    base: Annotated[
        str | None,
        typer.Option(envvar="SHIPWORTHY_BASE_IMAGE", help="The image to build on, pinned: NAME@sha256:…"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; .shipworthy/images/NAME-NUMBER if not given.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option(help="docker, podman or buildah; the first that works if not given.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="The image's name; localhost/NAME:NUMBER if not given.")] = None,
    build: Annotated[bool, typer.Option("--build/--no-build", help="Only write the folder.")] = True,
    check: Annotated[bool, typer.Option("--check", help="Run the container and measure the SLA against it.")] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Make a container image of a release: the same release gives the same image, digest for digest."""
    from shipworthy.wiring import imaging  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    if check and not build:
        raise WrongUse("--check measures what was built; leave out --no-build")
    opened = open_project(project)
    with Progress(json).shown() as report:
        made = imaging.image(opened, release, imaging.Wish(base, out, tool, tag, build, check), report)
    if json:
        say_json(made)
    else:
        say(marked("done", f"{made.release} in {made.folder}, on {made.base} (Python {made.python})"))
        if made.digest is not None:
            say(marked("done", f"built with {made.tool}: {made.tag}, {made.digest}"))
        if made.verdict is not None:
            say(marked(made.verdict.outcome, f"{made.verdict.check:<14} {made.verdict.reason}"))
    imaging.hold(made)


def _say_record(record: Record) -> None:
    for each in record.held:
        name = f"{each.id}{f', {each.rung},' if each.rung else ''}"
        if each.key:
            say(marked("passed", f"{name} is as {each.key[:16]} signed it when it was made"))
        else:
            say(marked("undecided", f"{name} was not signed: it is older than such statements"))
    size = f"{record.bytes / 2**20:.1f} MB"
    say(marked("passed", f"{record.objects} objects, {size}, each with the digest that the record says"))


def _say_proof(proof: Proof) -> None:
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    name = f"{proof.model}@{proof.number}"
    signer = proof.statements[0].key[:16]
    because = "" if proof.proven else f": {'; '.join(proof.unproven_because)}"
    unproven = "UNPROVEN" if proof.attached is None else "UNPROVEN when it was released"
    lines = [
        marked("passed", f"{name}, released {clock.to_iso(proof.at)[:10]}, signed by {signer}; {proof.owner} owns it"),
        marked("passed", f"{proof.files} files, {proof.bytes / 2**20:.1f} MB, each as it was signed"),
        marked("passed", f"{len(proof.statements)} statements, signed, and about the same run, {proof.run}"),
        marked("passed" if proof.proven else "waived", f"{'proven' if proof.proven else unproven}{because}"),
    ]
    if proof.attached is not None:
        words = f"proven since: {proof.attached.trained} makes the model that was adopted, {proof.attached.rung}"
        lines.append(marked("passed", words))
    if proof.rebuild is not None:
        made = proof.rebuild
        of = "made again" if made.run == proof.run else f"{made.run}, of the same recipe, made again"
        lines.append(marked("passed", f"{of}: {made.rung}; asked for {made.wanted}"))
    lines += [marked(verdict.outcome, f"{verdict.check:<14} {verdict.reason}") for verdict in proof.verdicts]
    lines += ["", "Made from"]
    for each in proof.inputs:
        sha = next(iter(each.digest.values()), "")
        lines.append(escape(f"  {each.name:<14} {sha[:12]}  {each.uri}".rstrip()))
    lines += ["", f"SLSA build level reached: {proof.slsa.level} of 3"]
    lines += [
        f"  {marked('passed' if each.met else 'blocked', f'{each.level}  {each.asks}: {each.found}')}"
        for each in proof.slsa.requirements
    ]
    lines += [escape(f"Note: {note}") for note in proof.notes]
    say(*lines)
