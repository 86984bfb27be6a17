"""docs/reference/http.md: held against a running server, its OpenAPI document and its metrics."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from docs.documents import DOCS, ROOT

from shipworthy import serving
from shipworthy.contract.reading import read
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.rehearsal.payloads import from_contract
from shipworthy.serving.launch import rehearse_server
from shipworthy.serving.settings import Limits

PAGE = (DOCS / "reference" / "http.md").read_text(encoding="utf-8")
CONTRACT = ROOT / "examples" / "diabetes" / "shipworthy.toml"


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def paths(method: str) -> list[str]:
    """As they are on a server that answers as release 0, which a rehearsal's does."""
    found = []
    for line in section("Paths").partition("\n### ")[0].splitlines():  # the rest is of servers with many models
        cells = line.split("|")
        if len(cells) > 2 and method in cells[1]:
            found += re.findall(r"`([^`]+)`", cells[2])
    return [path.replace("MODEL", "diabetes-progression").replace("/N", "/0") for path in found]


def raised() -> Iterator[int]:
    """Statuses that the serving code refuses requests with."""
    for file in Path(serving.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = ast.unparse(node.func)
                if called in ("Problem", "super().__init__") and isinstance(node.args[0].value, int):
                    yield node.args[0].value


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    work = tmp_path_factory.mktemp("server")
    contract = read(CONTRACT)
    stand_in_bundle(contract, work / "bundle", 0.0)
    with (
        rehearse_server(work / "bundle", contract, work) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def test_every_path_that_is_read_answers(server: httpx.Client):
    assert {path: server.get(path).status_code for path in paths("GET")} == dict.fromkeys(paths("GET"), 200)


def test_every_path_that_predicts_answers(server: httpx.Client):
    body = from_contract(read(CONTRACT).features, 1)[0]
    answer = server.post("/predict", content=body).json()
    assert set(answer) == {"release", "model", "predictions"}
    inferred = {path for path in paths("POST") if path.endswith("/infer")}
    assert {server.post(path, json={"inputs": []}).status_code for path in inferred} == {422}
    told = {path for path in paths("POST") if path.endswith("/labels")}
    assert told == {"/labels", "/models/diabetes-progression/labels"}
    truth = {"rows": [{"id": "patient-7", "value": 151.0}]}
    assert {server.post(path, json=truth).status_code for path in told} == {200}
    others = {path for path in paths("POST") if path not in inferred | told}
    assert others == {"/predict", "/models/diabetes-progression/predict", "/v2/repository/index"}
    assert {server.post(path, content=body).status_code for path in others} == {200}


def test_the_paths_of_the_openapi_document_are_all_told(server: httpx.Client):
    document = server.get("/openapi.json").json()
    assert set(document["paths"]) <= {*paths("GET"), *paths("POST")}


def test_the_start_page_names_no_path_that_is_not_told(server: httpx.Client):
    named = {written.split()[1] for written in server.get("/").json()["paths"].values()}
    assert named <= {*paths("GET"), *paths("POST")}


def test_every_metric_is_told_with_its_type_and_labels_and_no_other(server: httpx.Client):
    text = server.get("/metrics").text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {name: set() for name in types}
    for series, inside in re.findall(r"^(\w+)\{(.*)\} ", text, re.MULTILINE):
        family = re.sub("_(bucket|sum|count)$", "", series) if series not in types else series
        labels[family] |= set(re.findall(r'(\w+)="', inside)) - {"model", "le"}
    told = re.findall(r"^\| `(shipworthy_\w+)` \| (\w+) \| (.*?) \|", section("Metrics"), re.MULTILINE)
    assert {name: kind for name, kind, _ in told} == types
    assert {name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in told} == labels


def test_every_status_is_told_and_no_other():
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", section("Statuses"), re.MULTILINE)}
    assert told == {200, *raised()}


def test_the_limits_are_those_of_the_server():
    limits = Limits()
    told = section("Headers and deadlines")
    assert f"{limits.body // 2**20} MiB" in told
    assert f"{limits.head // 2**10} KiB" in told
    assert f"arrive | {limits.request:g} s" in told
    assert f"after {limits.idle:g} s" in told
    assert f"after {limits.unread:g} s" in told
    assert f"{limits.connections:,}" in told


def test_the_keys_of_request_and_answer_are_those_of_the_openapi_document(server: httpx.Client):
    schemas = server.get("/openapi.json").json()["components"]["schemas"]
    told = re.findall(r"^\| `([\w\[\].]+)` \|", section("POST /predict"), re.MULTILINE)
    predicted = {name.removeprefix("predictions[].") for name in told if name.startswith("predictions[].")}
    plain = {name for name in told if "." not in name}
    assert plain == {*schemas["Request"]["properties"], *schemas["Answer"]["properties"]}
    of_rows = schemas["Answer"]["properties"]["predictions"]["items"]["properties"]
    assert predicted == {*of_rows, "probabilities"}
