"""The page in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dashboard import samples
from dashboard.serving import serve
from prometheus_client.parser import text_string_to_metric_families

from shipworthy.dashboard.figures import HELP

HTTP = Path(__file__).parents[2] / "docs" / "reference" / "http.md"


@pytest.fixture
def url() -> Iterator[str]:
    with serve(samples.status) as found:
        yield found


@pytest.mark.needs("chromium", "chromedriver")
def test_a_browser_draws_every_chart_and_shows_the_evidence(url):
    from selenium import webdriver  # noqa: PLC0415 - a skipped test needs no browser
    from selenium.webdriver.support.expected_conditions import staleness_of  # noqa: PLC0415
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        driver.get(url)
        drawn = "return document.querySelectorAll('.chart svg').length"
        WebDriverWait(driver, 30).until(lambda browser: browser.execute_script(drawn) == 4)
        text = driver.find_element("tag name", "main").text
        assert "auc 0.741 beats the baseline" in text
        assert "UNPROVEN" in text
        assert "runtime is waived until 2027-01-31" in text
        assert "mlflow: 3 entries wait" in text
        assert "rebook passengers <b>now</b>" in driver.find_element("tag name", "header").text
        said = driver.find_element("css selector", "#stands h2")
        words = said.text
        driver.execute_async_script("again().then(arguments[0])")  # as it does by itself every few seconds
        WebDriverWait(driver, 30).until(staleness_of(said))
        assert driver.find_element("css selector", "#stands h2").text == words
        assert driver.execute_script(drawn) == 4
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        driver.quit()


def test_what_is_said_first_is_had_alone_as_the_page_says_it(url):
    first, page = (re.sub(r"read at [-\d: ]+ UTC", "", httpx.get(f"{url}{path}").text) for path in ("/stands", "/"))
    header, stands = first[: first.index("</header>")], first[first.index('<section class="wide stands') :].strip()
    assert header in page
    assert stands in page
    assert 'class="chart"' not in first


def test_programs_get_what_people_see(url):
    found = httpx.get(f"{url}/status.json").json()
    assert found["live"]["number"] == 2
    assert [mark["kind"] for mark in found["marks"]] == ["alarm", "released", "held"]


def test_prometheus_reads_what_only_the_ledger_and_the_log_know(url):
    answer = httpx.get(f"{url}/metrics")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert set(found) == set(HELP)
    assert {family.type for family in found.values()} == {"gauge"}
    (lag,) = found["shipworthy_recorder_lag_seconds"].samples
    assert (lag.labels, lag.value) == ({"model": "flight-delay"}, 7.5)
    (differing,) = found["shipworthy_shadow_differing_rows"].samples
    assert (differing.labels, differing.value) == ({"model": "flight-delay", "release": "3"}, 30)


def test_the_figures_of_the_page_are_told_in_the_reference():
    told = re.findall(r"^\| `(shipworthy_\w+)` \| [^|]*\|$", HTTP.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(HELP)


def test_a_shadow_and_a_recorder_that_is_behind_are_shown(url):
    text = httpx.get(url).text
    assert "@3 is the shadow" in text
    assert "30.00% answered differently" in text
    assert "Recording is 8 s behind: about 1,200 rows." in text


def test_the_drawing_library_comes_from_this_server_and_names_no_other(url):
    script = httpx.get(f"{url}/vega.js", timeout=30)
    assert len(script.content) > 500_000
    assert "src=" not in httpx.get(url).text.replace('src="/vega.js"', "")


def test_lineage_is_one_call_whatever_its_name_holds(url):
    with httpx.Client(base_url=url, trust_env=False) as client:
        found = client.get("/lineage/delta:data/flights@114", params={"limit": 3})
        assert found.json() == {"name": "delta:data/flights@114", "limit": 3}
        assert client.get("/lineage/scikit-learn==1.9.0").json()["name"] == "scikit-learn==1.9.0"
        missing = client.get("/lineage/nothing")
        assert (missing.status_code, missing.json()) == (404, {"error": "nothing is called 'nothing'"})
        assert client.get("/lineage/@3", params={"limit": "all"}).status_code == 400
