"""What `check --url` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli.console import Progress, marked, say, say_json, say_plain, table
from shipworthy.errors import Refused, Undecided

if TYPE_CHECKING:
    from shipworthy.endpoints.records import EndpointCheck, Schema
    from shipworthy.registry.records import LatencyVerdict
    from shipworthy.wiring.endpoint import Asked

_SHOWN = 10  # findings of one sort


def check_endpoint(project: Path, asked: Asked, *, json: bool) -> None:
    """Check it, print what was found, and end with the code that says so."""
    from shipworthy.wiring.endpoint import check_url  # noqa: PLC0415 - start-up time

    with Progress(json).shown() as report:
        found = check_url(project, asked, report)
    if json:
        say_json(found)
    else:
        _say(found)
    if found.outcome == "blocked":
        raise Refused(f"{found.url} does not keep the contract: {found.reason}")
    if found.outcome == "undecided":
        raise Undecided(f"{found.url}: {found.reason}")


def _say(found: EndpointCheck) -> None:
    declared = "" if found.promised.declared else " (nobody declared it: --p99-ms, --rate)"
    table(
        "",
        ("what", "how"),
        (
            ("contract", found.contract),
            ("dialect", found.dialect),
            ("promised", f"{found.promised.words}{declared}"),
        ),
    )
    say(marked(found.shape.outcome, f"answers  {found.shape.reason}"))
    if found.schema is not None:
        _say_schema(found.schema)
    if found.sla is not None:
        say(marked(found.sla.outcome, f"SLA      {found.sla_words}"))
        say_plain(f"           {found.sla.reason}")
        _say_conditions(found.sla)


def _say_schema(found: Schema) -> None:
    say(marked(found.outcome, f"schema   {found.reason}"))
    for findings in (found.strict, found.broken, found.lenient):
        say_plain(*(f"           {finding}" for finding in findings[:_SHOWN]))
        if len(findings) > _SHOWN:
            say_plain(f"           and {len(findings) - _SHOWN} more: --json lists all")


def _say_conditions(sla: LatencyVerdict) -> None:
    load = "not known" if sla.foreign_load is None else f"{sla.foreign_load:.2f} cores"
    withheld = "not known" if sla.throttled_ms is None else f"{sla.throttled_ms:.0f} ms"
    cold = "no answer" if sla.cold_ms is None else f"{sla.cold_ms:.2f} ms"
    table(
        "",
        ("measured", "figure"),
        (
            ("p50, p99, p99.9", f"{sla.p50_ms:.2f}, {sla.p99_ms:.2f}, {sla.p999_ms:.2f} ms"),
            ("the first request", cold),
            ("the load generator's own lateness (p99)", f"{sla.generator_late_ms:.2f} ms"),
            ("other processes' load, CPU time withheld", f"{load}, {withheld}"),
        ),
    )
