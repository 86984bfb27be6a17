"""A commented contract for what a study of a sample has found: a first version, to be read and edited. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.contract.records import Feature, Value
from shipworthy.contract.study import Studied, Study
from shipworthy.contract.toml import written, written_key

UNWRITTEN = "not written down yet"  # what stands where only a person can say what is meant
_COMMENTS = 42  # the column where they begin
_ENOUGH = 500  # rows in a window of monitoring
_WINDOWS = ((1 / 24, "1h"), (0.25, "6h"), (1.0, "1d"), (7.0, "1w"))  # days, and as written


EXAMPLES: dict[str, Value] = {"learning_rate": 0.1, "max_iter": 100}


def proposal(
    study: Study,
    *,
    name: str,
    data: str,
    source: str,
    function: str = "train:train",
    parameters: dict[str, Value] = EXAMPLES,
) -> str:
    """The text of a `shipworthy.toml`. `data` is the argument of train, `source` where it lies."""
    sections = (
        _model(study, name, function),
        _purpose(),
        _parameters(parameters),
        _data(study, data, source),
        _labels(study),
        _features(study),
        _serving(study),
        _scoring(),
        _monitoring(study),
        _retraining(study),
        _gate(study),
    )
    return "\n".join("\n".join(section) + "\n" for section in sections)


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COMMENTS}}# {comment}"


def _model(study: Study, name: str, function: str) -> Iterator[str]:
    yield f"# What is promised about the model {name}, and how it is held to it: proposed from {study.rows:,} rows."
    yield "# Read every line: it is what your callers get. shipworthy's docs/reference/contract.md explains each key."
    yield ""
    yield "[model]"
    yield f"name = {written(name)}"
    kind = f"{study.classes} classes" if study.classes else "a number to be predicted as such"
    yield _line(f"task = {written(study.task)}", f"the target is {kind}")
    yield _line(f"train = {written(function)}", "module:function, called with the data below, parameters and seed")
    yield _line('environment = "requirements.lock"', "hash-pinned")
    yield "seed = 0"


def _purpose() -> Iterator[str]:
    yield _line("[purpose]", "write these two before anything else")
    yield f'decision = "{UNWRITTEN}: what is decided on these answers?"'
    yield f'owner = "{UNWRITTEN}: who answers for it?"'
    yield _line('baseline = "prior"', 'the rule it must beat: "prior", "last value", or the name of a feature')


def _parameters(parameters: dict[str, Value]) -> Iterator[str]:
    example = next(reversed(parameters), "NAME")
    yield _line("[parameters]", f"given to train; `shipworthy train --set parameters.{example}=VALUE` changes one")
    yield from (f"{written_key(key)} = {written(value)}" for key, value in parameters.items())


def _data(study: Study, data: str, source: str) -> Iterator[str]:
    yield _line(f"[data.{data}]", "an argument of train")
    yield f"source = {written(source)}"
    target = f"target = {written(study.target)}"
    yield _line(target, study.guessed) if study.guessed else target
    for column in (column for column in study.columns if column.key):
        yield _line(f"# id = {written(column.name)}", "if callers send it as id, served rows are found again by it")
        break
    if study.time:
        yield _line(f"time = {written(study.time)}", "the newest rows by this column are held out")
    else:
        yield _line('# time = "…"', "the newest rows by this column are held out; else the last fifth")


def _labels(study: Study) -> Iterator[str]:
    yield _line("# [labels]", "how the truth comes back, so that live quality is measured")
    yield '# source = "delta:data/outcomes"'
    yield _line('# key = "id"', "the prediction's id, or the one that the caller sent")
    yield f"# target = {written(study.target)}"


def _features(study: Study) -> Iterator[str]:
    yield _line("[features]", "the same for training data and requests")
    yield "# Ranges leave room around what was seen. A value outside is refused, unless the feature has"
    yield '# on_violation = "flag", which lets it through and counts it, or "default", with what it becomes.'
    width = min(max(len(written_key(feature.name)) for feature in study.features), 30)
    for column in study.columns:
        yield _feature(column, width)


def _feature(column: Studied, width: int) -> str:
    if column.feature is None:
        return f"# {written(column.name)} {_comment(column.seen)}"
    seen = f"{column.seen}; dates, taken as texts" if column.dates else column.seen
    return f"{written_key(column.name):<{width}} = {_inline(column.feature)}  # {_comment(seen)}"


def _comment(text: str) -> str:
    """Text that stays on its line, whatever names it quotes."""
    return written(text)[1:-1].replace('\\"', '"')


def _inline(feature: Feature) -> str:
    keys: dict[str, object] = {"type": feature.type}
    if feature.nullable:
        keys["nullable"] = True
    for name, bound in (("min", feature.min), ("max", feature.max)):
        if bound is not None:
            keys[name] = int(bound) if float(bound).is_integer() else bound
    if feature.values is not None:
        keys |= {"values": list(feature.values), "unknown": feature.unknown}
    return written(keys)


def _serving(study: Study) -> Iterator[str]:
    yield _line("[serving]", "the promise to callers; `shipworthy rehearse` says whether it can be kept")
    yield _line("p99_ms = 10", "99 of 100 answers come within this time,")
    yield _line("rate = 100", "at so many requests a second")
    yield _line('durability = "process"', 'an answered prediction survives a crash; "disk": a loss of power too')
    if study.time:
        yield _line('# event_time = "…"', "a timestamp feature that says when a row belongs; else its arrival counts")


def _scoring() -> Iterator[str]:
    yield _line("# [scoring]", "batches, by `shipworthy score`")
    yield _line('# schedule = "0 2 * * *"', "minute hour day month weekday, in UTC")
    yield '# deadline = "30m"'


def _monitoring(study: Study) -> Iterator[str]:
    window, rows = _window(study)
    yield "[monitoring]"
    yield _line("drift = 0.05", "the share of rows that may move before it counts")
    yield _line('false_alarms = "1 per year"', "for the model as a whole")
    yield _line(f'window = "{window}"', rows)
    yield _line('lateness = "6h"', "a row may come this much after newer ones")
    yield _line("# pairs = 4", "also watch how so many pairs of features go together")


def _window(study: Study) -> tuple[str, str]:
    """A window that holds enough rows, at the sample's pace."""
    if study.span <= 0:
        return "1d", "one step of evidence"
    daily = study.rows / study.span
    days, window = next(((days, text) for days, text in _WINDOWS if daily * days >= _ENOUGH), _WINDOWS[-1])
    return window, f"one step of evidence, of about {max(daily * days, 1):,.0f} rows at the sample's pace"


def _retraining(study: Study) -> Iterator[str]:
    yield "[retraining]"
    yield _line('on = ["drift"]', 'also "performance" (needs labels) and "schedule"')
    yield _line('wait = "30d"', "rest after any refresh, held ones included")
    if study.time:
        yield _line('# history = "90d"', "train on the newest so much; else on everything")
        yield _line('# holdout = "14d"', "judge on the newest so much; else on the last fifth of the rows")


def _gate(study: Study) -> Iterator[str]:
    metric = ("auc" if study.classes == 2 else "log_loss") if study.classes else "rmse"
    yield "[gate]"
    yield _line('enforcement = "block"', "observe, warn or block")
    yield 'rebuild = { rung = "prediction-identical", when = "release" }'
    yield f"metric = {written(metric)}"
    bound, side = ("0.7", "at least") if metric == "auc" else ("1.0", "at most")
    yield _line(f"# minimum = {bound}", f"{side} this, besides beating the baseline")
    yield _line("margin = 0.0", "how much worse than the live release is still let through")
