"""Rules for Prometheus from the contract: what to tell somebody of that no alarm of ours speaks of. Pure.

Drift and quality raise alarms of their own. What a rule is for is the rest: the SLA, refusals, a log that cannot be
written, a watch that died, alerts that nobody got.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from shipworthy.contract.records import Contract, Serving

REFUSED_SHARE = 0.01
NEARLY_FULL = 0.05  # share of the disk that is left


class Rule(msgspec.Struct, frozen=True):
    """One alerting rule."""

    alert: str
    expr: str
    lasts: str  # for so long before it fires
    severity: str
    summary: str


def rules(contract: Contract) -> tuple[Rule, ...]:
    """The rules of a contract. The server's /metrics and the page's /metrics both have to be scraped."""
    return tuple(_rules(contract.name, contract.serving))


def written(contract: Contract) -> str:
    """A rule file, as `promtool check rules` takes it."""
    lines = [
        f"# For {contract.name}, by `shipworthy rules`: write it again when the contract's SLA changes.",
        "groups:",
        f"  - name: {_quoted(f'shipworthy {contract.name}')}",
        "    rules:",
    ]
    for rule in rules(contract):
        lines += [
            f"      - alert: {rule.alert}",
            f"        expr: {_quoted(rule.expr)}",
            f"        for: {rule.lasts}",
            f"        labels: {{severity: {rule.severity}, model: {_quoted(contract.name)}}}",
            f"        annotations: {{summary: {_quoted(rule.summary)}}}",
        ]
    return "\n".join(lines) + "\n"


def _rules(name: str, serving: Serving) -> Iterator[Rule]:
    of = f'{{model="{name}"}}'
    yield _slow("ShipworthySlow", name, 100, serving.p99_ms)
    if serving.p999_ms is not None:
        yield _slow("ShipworthySlowTail", name, 1000, serving.p999_ms)
    answered = f"sum(rate(shipworthy_requests_total{of}[5m]))"
    yield Rule(
        "ShipworthyRefusing",
        f"sum(rate(shipworthy_refused_total{of}[5m])) / {answered} > {REFUSED_SHARE:g}",
        "5m",
        "page",
        f"{name}: there is no room or time for more than {REFUSED_SHARE:.0%} of the requests",
    )
    yield Rule(
        "ShipworthyLogFailing",
        f"sum(increase(shipworthy_log_errors_total{of}[5m])) > 0",
        "0s",
        "page",
        f"{name}: predictions cannot be logged, and are refused; is the disk full?",
    )
    yield Rule(
        "ShipworthyModelFailing",
        f"sum(increase(shipworthy_model_errors_total{of}[5m])) > 0",
        "0s",
        "ticket",
        f"{name}: the model raises, or gives no number",
    )
    yield Rule("ShipworthyDown", f"absent(shipworthy_release{of} == 1)", "1m", "page", f"{name}: no worker answers")
    yield Rule(
        "ShipworthyUnwatched",
        f"absent(shipworthy_live_release{of})",
        "10m",
        "page",
        f"{name}: the page's figures are gone, and with them any word of drift and quality",
    )
    yield Rule(
        "ShipworthyRoleSilent",
        f"shipworthy_role_works{of} == 0",
        "5m",
        "page",
        f"{name}: {{{{ $labels.role }}}} is dead, hangs or cannot begin; `shipworthy status` says since when and why",
    )
    yield Rule(
        "ShipworthyDiskNearlyFull",
        f"shipworthy_disk_free_bytes{of} / shipworthy_disk_size_bytes{of} < {NEARLY_FULL:g}",
        "5m",
        "page",
        f"{name}: less than {NEARLY_FULL:.0%} of the disk is left; when it is full, requests are refused",
    )
    yield Rule(
        "ShipworthyAlertUndelivered",
        f"shipworthy_alerts_undelivered{of} > 0",
        "15m",
        "page",
        f"{name}: an alert could not be delivered; `shipworthy alerts` says which and why",
    )
    yield Rule(
        "ShipworthyAlarm",
        f'sum by (cause) (shipworthy_alerts{{model="{name}", phase="open"}}) > 0',
        "0s",
        "ticket",
        f"{name}: an alarm is open; `shipworthy alerts` lists it",
    )


def _slow(alert: str, name: str, one_in: int, limit_ms: float) -> Rule:
    """One answer in so many takes longer than it may."""
    buckets = f'sum by (le) (rate(shipworthy_request_seconds_bucket{{model="{name}"}}[5m]))'
    return Rule(
        alert,
        f"histogram_quantile({1 - 1 / one_in:g}, {buckets}) > {limit_ms / 1000:g}",
        "5m",
        "page",
        f"{name}: 1 in {one_in:,} answers takes longer than the {limit_ms:g} ms that its callers were promised",
    )


def _quoted(text: str) -> str:
    """A YAML string: JSON's are."""
    return json.dumps(text, ensure_ascii=False)
