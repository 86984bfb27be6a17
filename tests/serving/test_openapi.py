"""The served document: valid, complete, and a fuzzer that goes by it finds nothing."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import schemathesis
from tests.serving.conftest import Shop

from shipworthy.serving.metrics import STATUSES
from shipworthy.serving.settings import Limits

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
# A deadline of a nanosecond is refused with 503, and rightly so; a 500 never is.
ALLOWED = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "4xx", 503]\n'
GROWTH = 64 * 2**20  # bytes that a worker may grow by under thousands of odd requests


@pytest.fixture(scope="module", params=["alone", "many"])
def server(request, tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    release = shop.release(3)
    limits = Limits(body=200_000, request=5.0)
    if request.param == "many":
        supervisor = shop.supervisor(shop.hosting(release, shop.release(1, model="other")), many=True, limits=limits)
    else:
        supervisor = shop.supervisor(release, limits=limits)
    supervisor.start()
    yield supervisor
    supervisor.stop()


def documents(url):
    """Addresses of all documents of a server."""
    models = [one["name"] for one in httpx.get(f"{url}/v2/repository/index", trust_env=False).json()]
    return [f"{url}/openapi.json", *(f"{url}/models/{model}/openapi.json" for model in models)]


def memory(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_every_document_is_valid_openapi(server):
    for address in documents(server.url):
        schemathesis.openapi.from_url(address).validate()


def test_a_fuzzer_that_goes_by_the_document_finds_nothing_and_costs_nothing(server, tmp_path):
    before = server.status().workers
    [worker] = before
    program = Path(sys.executable).with_name("schemathesis")
    grown = memory(worker.pid)
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(ALLOWED)
    done = subprocess.run(
        [
            *(program, "--config-file", settings, "run", documents(server.url)[0], "--url", server.url),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "6"),
            *("--request-timeout", "20", "--generation-database", "none", "--no-color", "--seed", "13"),
        ],
        cwd=tmp_path,  # it keeps what it found beside itself
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert server.status().workers == before
    assert memory(worker.pid) - grown < GROWTH
    assert httpx.get(f"{server.url}/v2/health/ready", trust_env=False).status_code == httpx.codes.OK


def test_the_curl_examples_are_answered(server):
    for address in documents(server.url)[1:]:
        document = httpx.get(address, trust_env=False).json()
        for path, operations in document["paths"].items():
            for sample in operations.get("post", {}).get("x-codeSamples", []):
                command = shlex.split(sample["source"])
                assert command[:2] == ["curl", f"http://127.0.0.1:8080{path}"]
                answer = httpx.post(f"{server.url}{path}", content=command[3], trust_env=False)
                assert answer.status_code == httpx.codes.OK, answer.text
        [infer] = [one for path, one in document["paths"].items() if path.endswith("/infer") and "versions" not in path]
        assert set(infer["post"]["responses"]) >= {str(status) for status in STATUSES if status != 404}
        [example] = [document["components"]["schemas"]["Tensors"]["example"]]
        model = document["info"]["title"]
        answer = httpx.post(f"{server.url}/v2/models/{model}/infer", content=json.dumps(example), trust_env=False)
        assert answer.status_code == httpx.codes.OK, answer.text
