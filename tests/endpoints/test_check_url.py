"""`check --url`: endpoints that somebody else serves, held to a contract from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipworthy.contract.reading import read
from shipworthy.endpoints.cases import cases
from shipworthy.endpoints.records import EndpointCheck
from shipworthy.errors import WrongUse
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.rehearsal.listeners import listeners
from shipworthy.serving.launch import rehearse_server
from shipworthy.wiring.endpoint import Asked, check_url

SECONDS = 2.0
EXAMPLE = Path(__file__).parents[2] / "examples" / "diabetes" / "shipworthy.toml"


def checked(url: str, folder: Path, **asked: object) -> EndpointCheck:
    return check_url(folder, Asked(url=url, seconds=SECONDS, **asked), lambda step, done: None)  # type: ignore[arg-type]


def cli(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shipworthy", "check", *arguments, "--seconds", f"{SECONDS:g}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_fastapi_service_is_checked_by_its_own_description(service: str, tmp_path: Path) -> None:
    found = checked(
        f"{service}/predict", tmp_path, p99_ms=2000.0, rate=300.0, write_contract=tmp_path / "proposed.toml"
    )
    assert (found.outcome, found.dialect) == ("passed", "row")
    assert found.schema is not None
    assert found.schema.cases > 20
    assert found.sla is not None
    assert found.sla.requests >= 459
    assert found.sla_words == f"p99 ≤ 2000 ms at 300/s with 99% confidence over {found.sla.requests:,} requests"
    proposed = {feature.name: feature for feature in read(tmp_path / "proposed.toml", needs="serving").features}
    assert proposed["sex"].values == ("f", "m")
    assert (proposed["age"].type, proposed["age"].min, proposed["age"].max) == ("integer", 0, 120)
    assert proposed["pressure"].nullable


def test_what_a_service_takes_too_much_and_too_little_is_named(service: str, tmp_path: Path, written: Path) -> None:
    written.write_text(written.read_text().replace("min = 1, max = 400", "min = 10, max = 500"))
    found = checked(f"{service}/batch", tmp_path, contract=written)
    assert found.outcome == "blocked"
    assert found.schema is not None
    assert [(one.feature, one.case, one.status) for one in found.schema.strict] == [
        ("weight", "the highest value", 422)
    ]
    assert [(one.feature, one.case, one.sent) for one in found.schema.lenient] == [("weight", "below the range", "9.0")]


def test_a_lenient_service_passes_where_that_is_asked_for(service: str, tmp_path: Path, written: Path) -> None:
    strictly = checked(f"{service}/loose", tmp_path, contract=written, dialect="row")
    leniently = checked(f"{service}/loose", tmp_path, contract=written, dialect="row", lenient=True)
    assert (strictly.outcome, leniently.outcome) == ("blocked", "passed")
    assert leniently.schema is not None
    assert leniently.schema.lenient


def test_an_error_of_the_service_is_neither_yes_nor_no(service: str, tmp_path: Path, written: Path) -> None:
    found = checked(f"{service}/crash", tmp_path, contract=written, dialect="row", lenient=True)
    assert found.outcome == "blocked"
    assert found.schema is not None
    assert ("age", "the key left out", 500) in {(one.feature, one.case, one.status) for one in found.schema.broken}


@pytest.mark.parametrize("dialect", [None, "mlflow-records"])
def test_a_service_that_speaks_mlflows_dialects(
    service: str, tmp_path: Path, written: Path, dialect: str | None
) -> None:
    found = checked(f"{service}/invocations", tmp_path, contract=written, dialect=dialect, lenient=True)
    assert found.outcome == "passed"
    assert found.dialect == (dialect or "mlflow-split")


@pytest.mark.parametrize("path", ["predict", "v2/models/diabetes-progression/infer"])
def test_our_own_server_keeps_its_contract_in_both_protocols(tmp_path: Path, path: str) -> None:
    contract = read(EXAMPLE)
    stand_in_bundle(contract, tmp_path / "bundle")
    with rehearse_server(tmp_path / "bundle", contract, tmp_path) as url:
        found = checked(f"{url}/{path}", tmp_path, contract=EXAMPLE, p99_ms=2000.0, rate=300.0)
    assert found.outcome == "passed", found.reason


def test_our_own_server_describes_itself_well_enough(tmp_path: Path) -> None:
    contract = read(EXAMPLE)
    stand_in_bundle(contract, tmp_path / "bundle")
    with rehearse_server(tmp_path / "bundle", contract, tmp_path) as url:
        found = checked(f"{url}/predict", tmp_path, p99_ms=2000.0, rate=300.0, lenient=True)
    assert (found.outcome, found.dialect) == ("passed", "shipworthy"), found.reason


def test_a_missing_answer_blocks_before_anything_is_measured(service: str, tmp_path: Path, written: Path) -> None:
    found = checked(f"{service}/short", tmp_path, contract=written)
    assert (found.outcome, found.sla) == ("blocked", None)
    assert "0 answers to 1 rows" in found.reason


def test_rows_of_a_sample_are_sent_and_those_that_break_the_contract_are_not(
    service: str, tmp_path: Path, written: Path
) -> None:
    rows = [{"age": age, "weight": 70.5, "sex": "f", "smoker": False, "pressure": None} for age in (300, 40, 41)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = checked(f"{service}/predict", tmp_path, contract=written, sample=tmp_path / "rows.parquet", lenient=True)
    assert found.outcome == "passed", found.reason
    pq.write_table(pa.Table.from_pylist(rows[:1]), tmp_path / "rows.parquet")
    with pytest.raises(WrongUse, match="no row of it keeps the contract"):
        checked(f"{service}/predict", tmp_path, contract=written, sample=tmp_path / "rows.parquet")


def test_the_exit_codes_say_passed_blocked_and_wrong_use(service: str, tmp_path: Path, written: Path) -> None:
    about = ("--contract", str(written), "--url")
    passed = cli(*about, f"{service}/guarded", "--header", "Authorization: Bearer token", "--json", folder=tmp_path)
    assert passed.returncode == 0, passed.stderr
    assert msgspec.json.decode(passed.stdout, type=EndpointCheck).outcome == "passed"
    slow = cli(*about, f"{service}/slow", "--p99-ms", "5", folder=tmp_path)
    assert slow.returncode == 1
    assert "not p99 ≤ 5 ms" in slow.stdout
    assert "alone" in slow.stdout
    asking = cli(*about, f"{service}/guarded", folder=tmp_path)
    assert (asking.returncode, "--header" in asking.stderr) == (2, True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"url": "SERVICE/loose"}, "does not describe its rows"),
        ({"url": "SERVICE/nowhere"}, "no POST /nowhere"),
        ({"url": "http://127.0.0.1:9/predict"}, "is the service running"),
        ({"url": "ftp://here"}, "expected an address"),
        ({"url": "SERVICE/predict", "headers": ("token",)}, "Name: value"),
        ({"url": "SERVICE/predict", "rate": 0.0}, "above 0"),
        ({"url": "SERVICE/predict", "dialect": "rowss"}, "expected one of"),
    ],
)
def test_what_cannot_be_checked_is_said_with_what_to_do(
    service: str, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(WrongUse, match=said):
        checked(asked.pop("url").replace("SERVICE", service), tmp_path, **asked)


def test_who_listens_on_a_port_is_known_and_counts_as_the_server(service: str) -> None:
    port = int(service.rpartition(":")[2])
    assert len(listeners("127.0.0.1", port)) == 1
    assert listeners("192.0.2.1", port) == ()


def test_every_case_differs_from_the_good_row_in_one_key_and_both_answers_are_expected() -> None:
    features = read(EXAMPLE).features
    good = {feature.name: feature.values[0] if feature.values else 50 for feature in features}
    made = cases(features, good)
    for case in made:
        assert {name for name in {*good, *case.row} if good.get(name) != case.row.get(name)} <= {case.feature}
    assert {case.accepted for case in made} == {True, False}
