"""Held against kserve's own client, in an environment of its own: it wants other versions than we do."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.serving.conftest import FEATURES, ROW, Shop, expected

from shipworthy.environments import builder

HERE = Path(__file__).parent
DATATYPES = {"float": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES", "timestamp": "BYTES"}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What kserve's client was told."""
    environment = builder.build(HERE / "kserve.lock", cache=tmp_path_factory.mktemp("cache"))
    shop = Shop(tmp_path_factory.mktemp("shop"))
    supervisor = shop.supervisor(shop.release(3))
    url = supervisor.start()
    rows = [{**ROW, "wind": 2.0}, {**ROW, "wind": 2.0, "distance": 6000}]
    inputs = [
        {
            "name": feature.name,
            "shape": [len(rows), 1],
            "datatype": DATATYPES[feature.type],
            "data": [row[feature.name] for row in rows],
        }
        for feature in FEATURES
    ]
    done = subprocess.run(
        [builder.interpreter(environment), HERE / "kserve_program.py", url, "flight-delay", json.dumps(inputs)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    supervisor.stop()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_finds_the_server_and_the_model(said):
    assert said["server live"] is said["server ready"] is said["model ready"] is True


@pytest.mark.parametrize("way", ["json", "binary"])
def test_it_gets_its_predictions(said, way):
    answer = said[way]
    assert (answer["id"], answer["model"]) == (way, "flight-delay")  # the client drops the version
    assert answer["outputs"]["prediction"] == ["yes", "yes"]
    late = [expected(500), expected(6000)]
    assert [row[1] for row in answer["outputs"]["probabilities"]] == pytest.approx(late)


def test_it_gets_the_outputs_that_it_asks_for(said):
    assert said["one output"]["outputs"] == {"prediction": ["yes", "yes"]}


def test_it_is_told_what_is_wrong(said):
    status, text = said["missing inputs"]
    assert status == 422
    assert "stops" in text
    assert said["unknown model"] is False
