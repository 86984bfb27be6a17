"""From `shipworthy.toml` to a `Contract`, or to every mistake in it at once.

What a contract has to hold depends on what it is read for. Training and all that follows need the whole. Rehearsing,
which comes before any model, needs [features], [serving] and a model's name: read with `needs="serving"`, a contract
may leave out [purpose], [data], `model.task` and `model.train`, which are then blank ("classification" for the task).
Watching a log of predictions (`needs="watching"`) does without a name, too. Whatever is written is checked either way.
"""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shipworthy.contract import records
from shipworthy.contract.consistency import Draft, across, metric_of
from shipworthy.contract.rules import SCALAR, against_name
from shipworthy.contract.schema import DATA_SOURCE, FEATURE, ORDER, TABLES, Needs
from shipworthy.contract.sources import Source, without_password
from shipworthy.contract.tables import Section, mistake, read_table, take, unknown_key
from shipworthy.errors import ContractError, Mistake, NotFound

FILE = "shipworthy.toml"

_RESERVED = ("parameters", "seed")  # arguments of train that are no data
_AT = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>end of document))\)", re.DOTALL
)

R = TypeVar("R", bound=msgspec.Struct)


def read(path: Path, *, needs: Needs = "training", name: str | None = None) -> records.Contract:
    """The contract in a file. NotFound if there is none; ContractError, with every mistake, if it has any.

    `name` is the model's where the file gives none.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NotFound(f"{path} is not there: write one with `shipworthy init SAMPLE`") from None
    try:
        return parse(content.decode(), str(path), needs=needs, name=name)
    except UnicodeDecodeError as error:
        found = Mistake(f"byte {error.start}", "", "UTF-8 text", "save the file as UTF-8")
        raise ContractError(str(path), [found]) from None


def parse(text: str, source: str, *, needs: Needs = "training", name: str | None = None) -> records.Contract:
    """The contract in a text; `source` is what messages call it. ContractError, with every mistake, if it has any."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(source, [_syntax(text, str(error))]) from None
    if name is not None and isinstance(document.setdefault("model", {}), dict):
        document["model"].setdefault("name", name)
    draft, mistakes = _draft(document, needs)
    parameters, wrong_parameters = _parameters(document.get("parameters", {}))
    found = [*mistakes, *wrong_parameters, *across(draft)]
    if found:
        raise ContractError(source, sorted(found, key=_position))
    return _contract(draft, parameters)


def _draft(document: Mapping[str, Any], needs: Needs) -> tuple[Draft, list[Mistake]]:
    mistakes = [unknown_key((key,), None, ORDER) for key in document if key not in ORDER]
    tables = {name: read_table(table, (name,), document.get(name), needs) for name, table in TABLES.items()}
    if "labels" not in document:
        tables["labels"] = Section(("labels",), {}, {})
    features, wrong_features = _named("features", FEATURE, document.get("features", {}), needs)
    data, wrong_data = _named("data", DATA_SOURCE, document.get("data", {}), needs)
    if not features and not wrong_features:
        mistakes.append(mistake(("features",), None, "at least one feature", 'for example wind = { type = "float" }'))
    everything = (*tables.values(), *features.values(), *data.values())
    mistakes += [found for section in everything for found in section.mistakes]
    mistakes += [*wrong_features, *wrong_data, *_names(features, data)]
    return Draft(tables, features, data, needs), mistakes


def _named(name: str, table: Any, value: object, needs: Needs) -> tuple[dict[str, Section], list[Mistake]]:
    """Tables whose names are the user's: [features] and [data]."""
    if not isinstance(value, Mapping):
        return {}, [mistake((name,), value, f"a table [{name}]")]
    found: dict[str, Section] = {}
    wrong: list[Mistake] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            found[key] = read_table(table, (name, key), item, needs)
        else:
            example = 'source = "file:data.parquet"' if name == "data" else 'type = "float"'
            wrong.append(mistake((name, key), item, f"a table such as {{ {example} }}"))
    return found, wrong


def _names(features: Mapping[str, Section], data: Mapping[str, Section]) -> list[Mistake]:
    wrong = [
        mistake(("features", name), None, f"no name {against}: rename the column")
        for name in features
        if (against := against_name(name))
    ]
    for name in data:
        if not name.isidentifier() or keyword.iskeyword(name):
            wrong.append(mistake(("data", name), None, "a Python name, as it is an argument of train"))
        elif name in _RESERVED:
            wrong.append(mistake(("data", name), None, f"another name: train is given `{name}` by shipworthy"))
    return wrong


def _parameters(value: object) -> tuple[dict[str, records.Value], list[Mistake]]:
    if not isinstance(value, Mapping):
        return {}, [mistake(("parameters",), value, "a table [parameters]")]
    taken = {key: take(SCALAR, ("parameters", key), item) for key, item in value.items()}
    wrong = [item for item in taken.values() if isinstance(item, Mistake)]
    return {key: item for key, item in taken.items() if not isinstance(item, Mistake)}, wrong


def _contract(draft: Draft, parameters: dict[str, records.Value]) -> records.Contract:
    made = {name: _record(TABLES[name].record, section) for name, section in draft.tables.items() if name != "labels"}
    gate = draft.tables["gate"]
    rebuild = _record(records.RebuildRule, gate.inner["rebuild"])
    skew = _record(records.SkewRule, gate.inner["skew"])
    made["gate"] = msgspec.structs.replace(made["gate"], metric=metric_of(draft), rebuild=rebuild, skew=skew)
    features = [_record(records.Feature, section, name=name) for name, section in draft.features.items()]
    data = [_record(records.DataSource, section, name=name) for name, section in draft.data.items()]
    labels = draft.tables["labels"]
    return records.Contract(
        **made,  # type: ignore[arg-type]
        parameters=parameters,
        features=tuple(features),
        data=tuple(data),
        labels=_record(records.Labels, labels) if labels.written else None,
    )


def _record(kind: type[R], section: Section, **more: Any) -> R:
    fields = dict(section.read)
    source: Source | None = fields.pop("source", None)
    if source is not None:
        fields |= {"kind": source.kind, "location": source.location}
        if kind is records.DataSource:
            fields |= {"version": source.version, "revision": source.revision}
    return kind(**fields, **more)


def _position(found: Mistake) -> int:
    """Mistakes come in the order of the contract's tables; unknown tables first."""
    table = found.key.partition(".")[0]
    return ORDER.index(table) if table in ORDER else -1


def _syntax(text: str, message: str) -> Mistake:
    match = _AT.fullmatch(message)
    if match is None:
        return Mistake("the file", "", "TOML", message)
    lines = text.splitlines()
    line = int(match["line"]) if match["line"] else len(lines)
    shown = without_password(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    where = f"line {line}, column {match['column']}" if match["line"] else f"line {line}, the end of the file"
    return Mistake(f"{where}: `{shown[:80]}`" if shown else where, "", "TOML", match["what"])
