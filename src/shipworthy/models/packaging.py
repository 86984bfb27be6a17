"""A trained model made ready to serve: converted, held against its own answers on every probe, timed, and described."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import Undecided
from shipworthy.models.bundle import VERSION, Bundle, write_description
from shipworthy.models.converting import Conversion, Facts, Onnx, Timed, convert
from shipworthy.models.equality import Comparison, choose, compare
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.models.inside.own_call import BATCH, SINGLES, median
from shipworthy.models.records import BundleDescription, Columns, Runtime, RuntimeName, RuntimeVerdict
from shipworthy.models.runtimes import FILES, load

ONE_BY_ONE = 64  # probes that are also asked alone: runtimes treat a single row in a way of its own


def package(
    folder: Path,
    facts: Facts,
    *,
    tolerance: float,
    python: Path | None,
    reason: str = "",
    how: Sequence[str] = (EXACT, CONVERTED),
) -> BundleDescription:
    """Writes bundle.json of a folder that holds model, probes and probe answers; its description.

    `python` is that of an environment with the user's lock and the converters, or None with the reason why there is
    none: the model is then served by the library's own call. `how` names the ways to ONNX, the preferred one first.
    """
    if python is None:
        conversion = Conversion(Onnx("", reason), None, Timed(reason))
    else:
        conversion = convert(folder, facts, python, how=how)
    bundle = Bundle(folder, _describe(facts, ()))
    onnx = _judge(bundle, "onnx", conversion.onnx.reason, tolerance)
    others = how[how.index(conversion.onnx.how) + 1 :] if conversion.onnx.how in how else ()
    if python is not None and others and not onnx.equal:
        second = convert(folder, facts, python, how=others).onnx
        onnx = _either(onnx, _judge(bundle, "onnx", second.reason, tolerance))
    booster = conversion.booster
    boosters = (_judge(bundle, booster.name, booster.reason, tolerance),) if booster is not None else ()
    description = _describe(facts, (onnx, *boosters, _own(conversion.own, len(bundle.probe_answers()))))
    write_description(folder, description)
    return description


def package_graph(folder: Path, facts: Facts, *, tolerance: float) -> BundleDescription:
    """The description of a folder whose model is a graph already; written to bundle.json.

    Undecided where it does not answer here as it did where its user's own call ran it: nothing else could serve it.
    """
    verdict = _judge(Bundle(folder, _describe(facts, ())), "onnx", "", tolerance)
    if not verdict.equal:
        raise Undecided(f"the graph answers otherwise here than by itself: {verdict.reason}")
    description = _describe(facts, (verdict,))
    write_description(folder, description)
    return description


def _describe(facts: Facts, verdicts: tuple[RuntimeVerdict, ...]) -> BundleDescription:
    return BundleDescription(
        version=VERSION,
        model=facts.model,
        task=facts.task,
        features=facts.features,
        classes=facts.classes,
        target=facts.target,
        family=facts.family,
        runtimes=verdicts,
        online=choose(verdicts, "online") if verdicts else "python",
        batch=choose(verdicts, "batch") if verdicts else "python",
        table=facts.table,
    )


def _judge(bundle: Bundle, name: RuntimeName, reason: str, tolerance: float) -> RuntimeVerdict:
    """The verdict on a converted model. What is not equal is removed, so that nothing can ever serve it."""
    verdict = _unusable(name, reason) if reason else _compared(bundle, name, tolerance)
    if not verdict.equal:
        shutil.rmtree((bundle.folder / FILES[name]).parent, ignore_errors=True)
    return verdict


def _compared(bundle: Bundle, name: RuntimeName, tolerance: float) -> RuntimeVerdict:
    columns, own = bundle.probes(), bundle.probe_answers()
    try:
        runtime = load(bundle, name)
        found = _compare(runtime, columns, own, tolerance)
    except Exception as error:  # of any library; a runtime that fails is not equal
        return _unusable(name, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
    one, batch = _timed(runtime, columns, len(own)) if found.equal else (None, None)
    return RuntimeVerdict(
        name=name,
        file=str(FILES[name]) if found.equal else "",
        equal=found.equal,
        probes=len(own),
        largest_difference=found.largest_difference,
        microseconds_one=one,
        microseconds_batch=batch,
        reason=found.reason,
    )


def _compare(runtime: Runtime, columns: Columns, own: NDArray[np.float64], tolerance: float) -> Comparison:
    """All probes at once, then the first ones one by one."""
    together = compare(own, runtime.predict(columns).values, tolerance)
    if not together.equal:
        return together
    first = own[:ONE_BY_ONE]
    said = [runtime.predict(_rows(columns, row, row + 1)).values for row in range(len(first))]
    alone = compare(first, np.vstack(said), tolerance)
    if not alone.equal:
        return replace(alone, reason=f"asked one by one, {alone.reason}")
    return replace(together, largest_difference=max(together.largest_difference, alone.largest_difference))


def _timed(runtime: Runtime, columns: Columns, rows: int) -> tuple[float, float]:
    """Median microseconds of one row, and of a row in a batch."""
    places = np.arange(BATCH) % rows
    batch = [column[places] for column in columns]
    ones = [_rows(batch, row, row + 1) for row in range(SINGLES)]
    return median(runtime.predict, ones, 300), median(runtime.predict, [batch], 15) / BATCH


def _rows(columns: Columns, start: int, stop: int) -> Columns:
    return [column[start:stop] for column in columns]


def _own(own: Timed, probes: int) -> RuntimeVerdict:
    """The answers that everything is compared with are its own."""
    return RuntimeVerdict(
        name="python",
        file="",
        equal=True,
        probes=probes,
        largest_difference=0.0,
        microseconds_one=own.microseconds_one,
        microseconds_batch=own.microseconds_batch,
        reason=own.reason and f"not timed: {own.reason}",
    )


def _unusable(name: RuntimeName, reason: str) -> RuntimeVerdict:
    return RuntimeVerdict(
        name=name,
        file="",
        equal=False,
        probes=0,
        largest_difference=None,
        microseconds_one=None,
        microseconds_batch=None,
        reason=reason,
    )


def _either(first: RuntimeVerdict, second: RuntimeVerdict) -> RuntimeVerdict:
    """The second try where it is equal; else the first, whose reason says more."""
    return second if second.equal else first
