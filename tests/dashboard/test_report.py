"""The report of a period is one file that needs no other, of a replayed log or of a model in production."""

from __future__ import annotations

import re

import msgspec
import pyarrow.parquet as pq
import pytest
from monitoring.world import CONTRACT, DAY, MODEL, REFERENCE, World, opened
from replay.logs import log

from shipworthy.dashboard.period import of_ledger, of_replay
from shipworthy.dashboard.report import render
from shipworthy.errors import ShipworthyError
from shipworthy.replay.roles import Asked
from shipworthy.wiring.replaying import Settings, watch_log
from shipworthy.wiring.reporting import write

START = 19_000


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    pq.write_table(log().rename_columns(["at", "<b>age</b>", "plan", "score", "churned"]), folder / "log.parquet")
    settings = Settings("45d", compare=("psi",))
    return watch_log(folder, str(folder / "log.parquet"), Asked(label="churned"), settings, lambda *_: None)


@pytest.fixture
def world(tmp_path):
    with opened(tmp_path) as found:
        yield found


def produced(world: World) -> World:
    """Alarms, evidence and quality of a month."""
    world.days(START, START + 6)
    world.days(START + 6, START + 30, shift=0.8)
    world.predict(START, START + 30)
    world.tell(START, START + 29)
    world.watch().step()
    return world


def test_a_report_asks_nobody_for_anything_and_what_a_log_says_stays_text(replay):
    page = render(of_replay(replay))
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:,|#)", page)
    assert "<script" not in page
    assert "@import" not in page
    assert "<b>age</b>" not in page
    assert "&lt;b&gt;age&lt;/b&gt; by" in page


def test_it_holds_the_alarm_its_bins_the_curves_quality_and_the_rules(replay):
    page = render(of_replay(replay))
    [told] = replay.alarms
    assert page.count("<svg") == 4  # bins, evidence, distance, quality
    assert all(moved.bins[0].bin in page for moved in told.alarm.moved)
    assert "quality was sure to have fallen" in page
    assert "PSI &gt; 0.2" in page
    assert "no labels say" in render(of_replay(msgspec.structs.replace(replay, alarms=(told_without(told),))))


def told_without(told):
    return msgspec.structs.replace(told, relation="unknown", quality_before=None, quality_since=None)


def test_the_bins_of_what_moved_most_come_first(world):
    produced(world)
    [alarm, *_] = of_ledger(world.ledger, CONTRACT, None, None).alarms
    assert [one.payoff for one in alarm.moved] == ["wind", "score"]
    bins = render(of_ledger(world.ledger, CONTRACT, None, None)).partition("<svg")[2].partition("</svg>")[0]
    assert bins.index(">wind<") < bins.index(">score<")


@pytest.mark.needs("chromium", "chromedriver")
def test_a_browser_draws_it_from_the_file_alone(replay, tmp_path):
    from selenium import webdriver  # noqa: PLC0415 - a skipped test needs no browser

    write(of_replay(replay), tmp_path / "report.html")
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        driver.get((tmp_path / "report.html").as_uri())
        shown = (
            "return [...document.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().height > 50).length"
        )
        assert driver.execute_script(shown) == 4
        assert "<b>age</b> by" in driver.find_element("tag name", "main").text
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        driver.quit()


def test_a_period_in_production_holds_what_closed_in_it(world):
    produced(world)
    whole = of_ledger(world.ledger, CONTRACT, None, None)
    part = of_ledger(world.ledger, CONTRACT, (START + 2) * DAY, (START + 5) * DAY)
    assert {alarm.cause for alarm in whole.alarms} >= {"drift"}
    assert whole.quality
    assert "before the drift" in whole.alarms[0].quality
    assert {point.window // DAY for point in part.evidence} == {START + 2, START + 3, START + 4}
    assert part.alarms == ()
    assert "No alarm." in render(part)


def test_a_period_without_windows_is_refused_and_says_what_there_is(world):
    with pytest.raises(ShipworthyError, match=f"no window of {MODEL} lies in the period: none has closed yet"):
        of_ledger(world.ledger, CONTRACT, None, None)
    produced(world)
    with pytest.raises(ShipworthyError, match="windows have closed from 2022"):
        of_ledger(world.ledger, CONTRACT, 0, DAY)


def test_only_a_report_is_overwritten(replay, tmp_path):
    with pytest.raises(ShipworthyError, match=r"log\.parquet: expected the name of a report, which ends in \.html"):
        write(of_replay(replay), tmp_path / "log.parquet")
    with pytest.raises(ShipworthyError, match="there is no folder"):
        write(of_replay(replay), tmp_path / "none" / "report.html")


def test_how_evidence_is_counted_is_said_in_words(world):
    produced(world)
    reference = msgspec.structs.replace(REFERENCE, origin="the 7 predictions recorded in May")
    page = render(of_ledger(world.ledger, CONTRACT, None, None, reference))
    assert all(regime.words in page for regime in reference.regimes)
    assert "features are compared with the 7 predictions recorded in May" in page
