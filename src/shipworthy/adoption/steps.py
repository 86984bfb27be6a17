"""What to do next, in order: first what keeps callers waiting or wrong, then what a rebuild lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shipworthy.adoption.records import Finding
from shipworthy.registry.records import Verdict


def next_steps(
    findings: Sequence[Finding], verdicts: Sequence[Verdict], *, written: bool, labelled: bool
) -> tuple[str, ...]:
    """One sentence each."""
    return tuple(_steps(findings, {verdict.check: verdict for verdict in verdicts}, written=written, labelled=labelled))


def _steps(
    findings: Sequence[Finding], verdicts: dict[str, Verdict], *, written: bool, labelled: bool
) -> Iterator[str]:
    if not written:
        yield "Write the contract that is proposed: the same command with --write."
    yield "Read shipworthy.toml, and write down in [purpose] what is decided on the answers and who answers for it."
    latency = verdicts.get("latency")
    if latency is not None and latency.outcome == "blocked":
        yield "The model does not keep the proposed SLA: raise p99_ms or lower rate in [serving], or make it smaller."
    elif latency is not None and latency.outcome == "undecided":
        yield "Measure the SLA on a machine that is less busy: `shipworthy rehearse`."
    if not labelled:
        yield "Give a sample with the truth in it (--target COLUMN), so that quality can be measured."
    lacking = [finding for finding in findings if finding.state == "lacking" and finding.next]
    partly = [finding for finding in findings if finding.state == "partly" and finding.next]
    for finding in (*lacking, *partly):
        yield f"{finding.ingredient.capitalize()}: {finding.next}."
    yield "Rehearse the SLA with `shipworthy rehearse`, then `shipworthy ship`: train, rebuild, check, release."
