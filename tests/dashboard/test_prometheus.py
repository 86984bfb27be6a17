"""A real Prometheus reads the page's figures, judges them by the rules, and tells a real Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import ExitStack, contextmanager

import httpx
import msgspec
import pytest
from alerts.serving import an_alertmanager
from dashboard import samples
from dashboard.serving import serve
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families

from shipworthy.alerts.rules import rules, written
from shipworthy.dashboard.figures import exposition
from shipworthy.dashboard.view import AlertView, StatusView

OPEN = AlertView(0, "temp moved", "pending", "open", "drift", ("webhook has not taken it",))


def figures(view: StatusView) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, in the order of their names."""
    families = text_string_to_metric_families(exposition(view))
    return {
        (one.name, *(one.labels[key] for key in sorted(one.labels))): one.value
        for family in families
        for one in family.samples
    }


def test_the_figures_are_those_of_the_live_release():
    found = figures(msgspec.structs.replace(samples.status(), alerts=(OPEN,)))
    assert found["shipworthy_live_release", "flight-delay"] == 2
    assert found["shipworthy_live_proven", "flight-delay"] == 1
    assert found["shipworthy_alerts", "drift", "flight-delay", "open"] == 1
    assert found["shipworthy_alerts", "performance", "flight-delay", "open"] == 0
    assert found["shipworthy_alerts_undelivered", "flight-delay"] == 1
    assert found["shipworthy_labels", "flight-delay"] == 900
    assert found["shipworthy_labels_unmatched", "flight-delay"] == 3
    assert found["shipworthy_labels_newest_seconds", "flight-delay"] == samples.START / 1e9
    newest = [point for point in samples.evidence() if point.payoff == "temp"][-1]
    assert found["shipworthy_drift_evidence", "flight-delay", "temp", "2"] == newest.strength
    assert {key[3] for key in found if key[0] == "shipworthy_drift_evidence"} == {"2"}


def test_before_anything_is_live_there_are_figures_too():
    status = samples.status()
    empty = msgspec.structs.replace(status, live=None, evidence=(), quality=(), alerts=(), waivers=(), newest=None)
    assert figures(empty)["shipworthy_live_release", "flight-delay"] == 0


@pytest.mark.needs("promtool")
def test_the_rules_are_what_prometheus_takes(tmp_path):
    promised = msgspec.structs.replace(samples.CONTRACT.serving, p999_ms=50)
    contract = msgspec.structs.replace(samples.CONTRACT, serving=promised)
    (tmp_path / "rules.yml").write_text(written(contract))
    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", tmp_path / "rules.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert f"{len(rules(samples.CONTRACT)) + 1} rules found" in checked.stdout
    [tail] = [rule for rule in rules(contract) if rule.alert == "ShipworthySlowTail"]
    assert ("0.999" in tail.expr, tail.expr.endswith("> 0.05")) == (True, True)


def test_rules_ask_only_for_figures_that_there_are():
    from shipworthy.serving.metrics import _HELP  # noqa: PLC0415 - what the server says of itself

    page = {key[0] for key in figures(samples.status())}
    asked = {name for rule in rules(samples.CONTRACT) for name in re.findall(r"shipworthy_\w+", rule.expr)}
    assert {name.removesuffix("_bucket") for name in asked} <= page | set(_HELP)


@contextmanager
def prometheus(folder, targets, alertmanager, rule_file):
    """The address of a Prometheus that scrapes and judges every second."""
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(rule_file)],
                "scrape_configs": [{"job_name": "page", "static_configs": [{"targets": targets}]}],
                "alerting": {
                    "alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]
                },
            }
        )
    )
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address={address}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_an_open_alarm_reaches_an_alertmanager_by_way_of_prometheus(tmp_path):
    (tmp_path / "rules.yml").write_text(written(samples.CONTRACT))
    view = msgspec.structs.replace(samples.status(), alerts=(OPEN,))
    with ExitStack() as stack:
        page = stack.enter_context(serve(lambda: view))
        alertmanager = stack.enter_context(an_alertmanager(tmp_path))
        stack.enter_context(prometheus(tmp_path, [page.removeprefix("http://")], alertmanager, tmp_path / "rules.yml"))
        end = time.monotonic() + 120
        while not (found := firing(alertmanager, "ShipworthyAlarm")):
            assert time.monotonic() < end, "no alert arrives"
            time.sleep(0.2)
    [one] = found
    assert (one["labels"]["model"], one["labels"]["cause"], one["labels"]["severity"]) == (
        "flight-delay",
        "drift",
        "ticket",
    )
    assert "an alarm is open" in one["annotations"]["summary"]


def firing(alertmanager, name):
    where = f"{alertmanager}/api/v2/alerts"
    return httpx.get(where, params={"filter": f'alertname="{name}"'}, trust_env=False).json()
