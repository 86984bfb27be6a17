"""The benchmarks run: what they measure depends on the machine, that they measure does not."""

import json
import subprocess
import sys
from pathlib import Path

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
