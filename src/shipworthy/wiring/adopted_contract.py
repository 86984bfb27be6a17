"""The contract that is proposed for an adopted model, with what it was trained with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shipworthy.contract.proposal import proposal
from shipworthy.contract.records import Value
from shipworthy.contract.sample import argument, location
from shipworthy.contract.study import Study

MOST = 30  # parameters that are proposed
_NO_RECIPE = re.compile(
    r"(.*__)?(verbose|verbosity|n_jobs|num_threads|thread_count|copy|random_state|random_seed|seed)"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a contract is to name."""

    sample: Path | None
    folder: Path  # of the contract
    name: str  # whatever in it is no letter and no digit becomes a dash


def trained_with(own: Mapping[str, Value], tracked: Mapping[str, str]) -> dict[str, Value]:
    """The parameters that were logged, else the model's own."""
    return {key: _typed(text) for key, text in tracked.items()} or dict(own)


def proposed_text(studied: Study, wanted: Wanted, parameters: Mapping[str, Value]) -> str:
    """The text of a contract."""
    sample = wanted.sample or Path("sample.parquet")
    return proposal(
        studied,
        name=re.sub(r"[^A-Za-z0-9]+", "-", wanted.name)[:100].strip("-") or "model",
        data=argument(sample.name),
        source=f"file:{location(sample, wanted.folder)}",
        parameters=_worth_writing(parameters),
    )


def _worth_writing(parameters: Mapping[str, Value]) -> dict[str, Value]:
    """Those that are part of a recipe, as far as they can be written."""
    kept = {
        key: value
        for key, value in parameters.items()
        if key.strip() and not _NO_RECIPE.fullmatch(key) and not (isinstance(value, float) and not math.isfinite(value))
    }
    return dict(list(kept.items())[:MOST])


def _typed(text: str) -> Value:
    """A tracker keeps texts: 0.1 and True were a number and a truth."""
    try:
        value = json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
