"""Holding an endpoint that somebody else serves to a contract: written, the project's, or one that it proposes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.contract.reading import read
from shipworthy.contract.records import Contract, Feature, Gate, Serving
from shipworthy.contract.sample import read_sample
from shipworthy.dialects.named import dialect
from shipworthy.dialects.records import Dialect
from shipworthy.endpoints.asking import Caller
from shipworthy.endpoints.checking import Question, Report, check_endpoint
from shipworthy.endpoints.discovery import discover
from shipworthy.endpoints.proposing import Proposal, Undescribed
from shipworthy.endpoints.records import EndpointCheck
from shipworthy.errors import NotFound, WrongUse
from shipworthy.rehearsal.payloads import rows_from_contract, rows_from_table
from shipworthy.rehearsal.sla import SECONDS
from shipworthy.wiring.project import CONTRACT, find_layout

ROWS = 2_000  # different requests
NAME = "endpoint"  # of a contract that gives no model's name
DRAW = "say how it is asked: --dialect NAME, or --template FILE with a body of your own"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line gave."""

    url: str
    contract: Path | None = None  # else the project's, else one that the endpoint's own description proposes
    sample: Path | None = None  # real rows (Parquet, CSV), else rows from the contract
    dialect: str | None = None
    template: Path | None = None
    answer: str = ""  # a JSON pointer, or the name of an output tensor
    rate: float | None = None
    p99_ms: float | None = None
    seconds: float = SECONDS
    headers: tuple[str, ...] = ()  # "Name: value"
    lenient: bool = False
    write_contract: Path | None = None


def check_url(folder: Path, asked: Asked, report: Report) -> EndpointCheck:
    """Shape, schema and SLA of an endpoint. WrongUse where it is not there, or cannot be asked as it is."""
    headers = tuple(_header(text) for text in asked.headers)
    contract, source = _contract(folder, asked)
    proposal: Proposal | None = None
    if contract is None or (asked.dialect is None and asked.template is None):
        with Caller(asked.url, headers) as caller:
            proposal = _proposal(caller, required=contract is None)
    serving = _serving(contract.serving if contract else Serving(), asked)
    if proposal is not None and asked.write_contract is not None:
        _write(asked.write_contract, proposal, serving)
    features = contract.features if contract is not None else proposal.features if proposal is not None else ()
    question = Question(
        features=features,
        serving=serving,
        dialect=_dialect(asked, features, proposal),
        rows=_rows(asked.sample, features),
        contract=source if contract is not None else f"proposed from {proposal.source}" if proposal else "",
        declared=contract is not None or (asked.rate is not None and asked.p99_ms is not None),
        spared=proposal.spared if proposal is not None and contract is None else frozenset(),
        lenient=asked.lenient,
        confidence=contract.gate.confidence if contract is not None else Gate().confidence,
        seconds=asked.seconds,
        headers=headers,
    )
    return check_endpoint(asked.url, question, report)


def _contract(folder: Path, asked: Asked) -> tuple[Contract | None, str]:
    path = asked.contract
    if path is None:
        try:
            path = find_layout(folder).project / CONTRACT
        except NotFound:
            return None, ""
    return read(path, needs="serving", name=NAME), str(path)


def _proposal(caller: Caller, *, required: bool) -> Proposal | None:
    try:
        return discover(caller)
    except Undescribed as error:
        if required:
            raise WrongUse(
                f"there is no contract, and {caller.url} does not describe its rows: {error}. Write [features] and "
                "[serving] into a file, and name it: --contract FILE"
            ) from None
        return None


def _dialect(asked: Asked, features: tuple[Feature, ...], proposal: Proposal | None) -> Dialect:
    if asked.template is not None:
        return dialect("", features, pointer=asked.answer, template=_text(asked.template))
    if asked.dialect is not None:
        return dialect(asked.dialect, features, pointer=asked.answer)
    if proposal is not None:
        found: Any = proposal.dialect
        more = {"features": features} if found.name == "v2" else {}
        made: Dialect = replace(found, pointer=asked.answer, **more)
        return made
    if asked.url.rstrip("/").endswith("/invocations"):
        return dialect("mlflow-split", features, pointer=asked.answer)
    raise WrongUse(f"{asked.url} does not describe its requests; {DRAW}")


def _serving(serving: Serving, asked: Asked) -> Serving:
    for name, value in (("--rate", asked.rate), ("--p99-ms", asked.p99_ms), ("--seconds", asked.seconds)):
        if value is not None and not value > 0:
            raise WrongUse(f"{name} {value:g}: expected a number above 0")
    return msgspec.structs.replace(
        serving,
        rate=serving.rate if asked.rate is None else asked.rate,
        p99_ms=serving.p99_ms if asked.p99_ms is None else asked.p99_ms,
    )


def _rows(sample: Path | None, features: Sequence[Feature]) -> Sequence[Any]:
    if sample is None:
        return rows_from_contract(features, ROWS)
    rows = rows_from_table(features, read_sample(sample).slice(0, 10 * ROWS))[:ROWS]
    if not rows:
        raise WrongUse(f"{sample}: no row of it keeps the contract; expected at least one")
    return rows


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise WrongUse(f"--header {text!r}: expected 'Name: value'")
    return name.strip(), value.strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"--template {path}: {error.strerror or error}") from None


def _write(path: Path, proposal: Proposal, serving: Serving) -> None:
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(proposal.toml(NAME, serving.p99_ms, serving.rate))
    except FileExistsError:
        raise WrongUse(f"--write-contract {path}: it is there already and is never overwritten") from None
