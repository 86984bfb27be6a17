"""`shadow` for people: started, ended, followed, compared."""

from __future__ import annotations

from pathlib import Path

from shipworthy.cli.console import marked, say, say_json, table
from shipworthy.dashboard.view import ShadowView

RECENT = 8  # windows shown


def start_or_stop(folder: Path, release: str | None, because: str, *, json: bool) -> None:
    """Make a release the shadow; without one, end the shadow."""
    from shipworthy.registry.names import release_of  # noqa: PLC0415 - start-up time
    from shipworthy.registry.records import Release  # noqa: PLC0415
    from shipworthy.wiring.project import open_project  # noqa: PLC0415
    from shipworthy.wiring.releasing import end_shadow, start_shadow  # noqa: PLC0415

    opened = open_project(folder)
    model = opened.contract.name
    if release is None:
        number, runs = end_shadow(opened, because), False
        words = f"{model}@{number} is no shadow any more; what it said is kept"
    else:
        number = release_of(opened.ledger, release, model=model).decode(Release).number
        start_shadow(opened, number, because)
        runs, words = True, f"{model}@{number} predicts beside the live release; `shipworthy shadow` compares them"
    if json:
        say_json({"release": number, "runs": runs})
    else:
        say(marked("done", words))


def follow_shadow(folder: Path, *, once: bool) -> None:
    """Predict what is logged."""
    from shipworthy.wiring.shadow import run_shadow  # noqa: PLC0415 - start-up time

    run_shadow(folder, once=once)


def say_shadow(folder: Path, *, json: bool) -> None:
    """How the newest shadow compares with the releases that answered."""
    from shipworthy.wiring.comparing import shadow_report, spoken  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415

    view, labelled = shadow_report(open_project(folder))
    if json:
        say_json({"shadow": view, "labelled": labelled})
        return
    say(marked("done" if not view.failed else "blocked", spoken(view)))
    table("", ("what", "figure"), _figures(view))
    if labelled is not None and labelled.live is not None:
        both = f"@{labelled.release} {labelled.live:.4f}, @{view.release} {labelled.shadow:.4f}"
        say(f"{labelled.metric} on the {labelled.rows:,} rows whose truth is known: {both}")
    elif labelled is not None:
        say(marked("undecided", f"{labelled.metric} on {labelled.rows:,} labelled rows: {labelled.error}"))
    table(
        "",
        ("window", "answered by", "rows", "differing", "p99 apart"),
        [_window(view, number) for number in range(max(0, len(view.windows) - RECENT), len(view.windows))],
    )


def _figures(view: ShadowView) -> list[tuple[str, str]]:
    took = "–" if view.us_per_row is None else f"{view.us_per_row:,.1f} µs a row, in batches"
    return [
        ("rows", f"{view.rows:,}; refused by its contract {view.refused:,}, failed {view.failed:,}"),
        *([("first failure", view.error)] if view.error else []),
        *([("missed", f"{view.missed:,} rows were gone before it read them")] if view.missed else []),
        ("scores", f"higher on {view.higher:,}, lower on {view.lower:,}, largest distance {view.largest:.2g}"),
        ("prediction", took),
        ("behind", f"{view.behind_bytes:,} bytes, {view.behind_seconds:,.0f} s"),
    ]


def _window(view: ShadowView, number: int) -> tuple[str, str, str, str, str]:
    from shipworthy import clock  # noqa: PLC0415 - start-up time

    one = view.windows[number]
    differing = "–" if one.differing is None else f"{one.differing:.2%}"
    return clock.to_iso(one.window)[:16], f"@{one.release}", f"{one.rows:,}", differing, f"{one.p99:.2g}"
