"""`lineage` for people: a tree of what matters. `--json` has all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipworthy import clock

if TYPE_CHECKING:
    from rich.tree import Tree

    from shipworthy.registry.lineage import ReleaseLineage, RunLineage
    from shipworthy.wiring.looking import PredictionLineage, Traced
    from shipworthy.wiring.reaching import Forward, Reached

SHORT = 12  # characters of a digest
MOST = 8  # runs that are shown


def say_traced(traced: Traced) -> None:
    """Where something came from, or what came of it."""
    from rich.console import Console  # noqa: PLC0415 - start-up time

    from shipworthy.registry.lineage import ReleaseLineage, RunLineage  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.reaching import Forward  # noqa: PLC0415 - start-up time

    if isinstance(traced, Forward):
        tree = _forward(traced)
    elif isinstance(traced, RunLineage):
        tree = _run(traced)
    elif isinstance(traced, ReleaseLineage):
        tree = _release(traced)
    else:
        tree = _prediction(traced)
    Console(highlight=False).print(tree)


def _tree(text: str) -> Tree:
    from rich.markup import escape  # noqa: PLC0415 - start-up time
    from rich.tree import Tree  # noqa: PLC0415 - start-up time

    return Tree(escape(text), guide_style="dim")


def _leaves(tree: Tree, **lines: str) -> Tree:
    """A line each, under its name; those without words are left out."""
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    for name, words in lines.items():
        if words:
            tree.add(f"[bold]{escape(name.replace('_', ' '))}[/]: {escape(words)}")
    return tree


def _prediction(traced: PredictionLineage) -> Tree:
    from shipworthy.wiring.predictions import PredictionRemoved  # noqa: PLC0415 - start-up time

    found = traced.prediction
    if isinstance(found, PredictionRemoved):
        tree = _leaves(_tree(f"prediction {found.id}"), gone=found.because)
        tree.add(_release(traced.release))
        return tree
    tree = _leaves(
        _tree(f"prediction {found.id}"),
        answered=f"{', '.join(f'{value:g}' for value in found.answer)}, {found.at[:19]}, found in the {found.where}",
        caller_id=found.caller_id or "",
        asked=_pairs(found.features),
        shadows=", ".join(map(str, traced.shadows)),
    )
    tree.add(_release(traced.release))
    return tree


def _release(release: ReleaseLineage) -> Tree:
    proof = "proven" if release.proven else f"UNPROVEN{f'; {release.since}' if release.since else ''}"
    tree = _leaves(
        _tree(f"release {release.model}@{release.number}, {proof}, {_day(release.at)}"),
        owner=release.owner,
        signed_by=release.key[:16],
        waived="; ".join(f"{v.check}, {v.reason}" for v in release.verdicts if v.outcome == "waived"),
        open="; ".join(f"{v.check} {v.outcome}" for v in release.verdicts if v.outcome in ("blocked", "undecided")),
        passed=", ".join(v.check for v in release.verdicts if v.outcome == "passed"),
        retired=release.retired,
    )
    for change in release.aliases:
        verb = "became" if change.began else "ceased to be"
        _leaves(tree, **{f"{_day(change.at)}": f"{verb} {change.alias}, by {change.by}: {change.because}"})
    tree.add(_run(release.run))
    return tree


def _run(run: RunLineage) -> Tree:
    tree = _tree(f"run {run.id}, {'adopted' if run.adopted else 'trained'} {_day(run.at)}")
    for data in run.data:
        _leaves(tree, **{f"data {data.name}": f"{data.version}, {data.rows:,} rows, digest {data.digest[:SHORT]}"})
    commit = "no commit" if run.commit is None else f"commit {run.commit[:SHORT]}{' with changes' if run.dirty else ''}"
    made = run.rebuilds[0] if run.rebuilds else None
    return _leaves(
        tree,
        code="" if run.adopted else f"{run.code[:SHORT]}, {commit}",
        environment=f"lock {run.lock[:SHORT]}, Python {run.python}",
        sandbox="; ".join((run.sandbox, *(f"refused: {each}" for each in run.refused))),
        parameters=_pairs({**run.parameters, "seed": run.seed}),
        metrics=_pairs(run.metrics),
        signed=_signed(run.signed_by),
        made_again="" if made is None else f"{made.rung}, {made.id}, {_signed(made.signed_by)}",
        releases=", ".join(f"@{number}" for number in run.releases),
    )


def _signed(key: str) -> str:
    return f"as it was made, by {key[:16]}" if key else "not as it was made"


def _forward(found: Forward) -> Tree:
    tree = _tree(f"{found.kind} {found.what}: {found.predictions:,} predictions recorded")
    for each in found.reached:
        tree.add(_reached(each))
    released = {each.run for each in found.reached}
    rest = [run for run in found.runs if run.id not in released]
    for run in rest[:MOST]:
        _leaves(tree, **{f"run {run.id}": f"{_day(run.at)}, not released"})
    if len(rest) > MOST:
        tree.add(f"… and {len(rest) - MOST} more runs that were not released")
    return tree


def _reached(each: Reached) -> Tree:
    proof = "proven" if each.proven else "UNPROVEN"
    live = [change for change in each.aliases if change.alias == "live"]
    return _leaves(
        _tree(f"release @{each.release}, {proof}, of {each.run}"),
        predictions=f"{each.predictions:,}"
        + (f", {each.first[:19]} to {(each.last or '')[:19]}" if each.first else ""),
        live="; ".join(f"{'from' if change.began else 'until'} {_day(change.at)}" for change in live),
        newest=", ".join(each.ids),
    )


def _pairs(values: dict[str, Any]) -> str:
    shown = (f"{value:g}" if isinstance(value, float) else str(value) for value in values.values())
    return ", ".join(f"{name} {text}" for name, text in zip(values, shown, strict=True))


def _day(instant: int) -> str:
    return clock.to_iso(instant)[:16].replace("T", " ")
