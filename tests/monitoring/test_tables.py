"""`shipworthy.monitoring` in a notebook: a profile, counts that merge in any grouping, and evidence."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy import monitoring
from shipworthy.errors import ShipworthyError
from shipworthy.monitoring import count, decode, encode, evidence, merge, profile

DAYS = 40


def made(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    at = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=3 * hour) for hour in range(DAYS * 8)]
    x = rng.normal(shift, 1, len(at))
    return pa.table({"at": pa.array(at, pa.timestamp("us", "UTC")), "x": x, "p": 1 / (1 + np.exp(-x))})


REFERENCE = profile(made(0), score="p", time="at")
LATER = made(1, shift=2.0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, LATER.num_rows), max_size=5), st.randoms(use_true_random=False))
def test_any_cut_and_any_order_give_the_same_counts(cuts, random):
    edges = [0, *sorted(cuts), LATER.num_rows]
    parts = [count(REFERENCE, LATER.slice(a, b - a)) for a, b in pairwise(edges)]
    random.shuffle(parts)
    assert merge(*parts) == count(REFERENCE, LATER)


def test_a_shift_is_alarmed_and_none_is_not():
    same = evidence(REFERENCE, count(REFERENCE, made(2)))
    moved = evidence(REFERENCE, count(REFERENCE, LATER))
    assert same.alarms == ()
    assert "x" in [one.payoff for one in moved.alarms[0].moved]
    assert len(moved.evidence) == DAYS


@pytest.mark.parametrize("to", [pd.DataFrame, pl.DataFrame, dict])
def test_any_table_will_do(to):
    columns = LATER.to_pydict()
    assert count(REFERENCE, to(columns)) == count(REFERENCE, LATER)


def test_a_profile_is_kept_as_bytes():
    content = encode(REFERENCE)
    assert decode(content) == REFERENCE
    with pytest.raises(ShipworthyError, match="not a profile"):
        decode(b"{}")


def test_without_times_the_caller_says_which_window_it_is():
    timeless = profile(made(0).drop(["at"]), score="p")
    with pytest.raises(ShipworthyError, match="say which window the rows belong to by at="):
        count(timeless, LATER)
    [start] = count(timeless, LATER, at="2024-03-01")
    assert start == int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) * 10**9


def test_one_row_and_none_are_tables_too():
    assert count(REFERENCE, LATER.slice(0, 0)) == {}
    [counts] = count(REFERENCE, LATER.slice(0, 1)).values()
    assert counts.rows == 1
    alone = profile(made(0).slice(0, 1), score="p", time="at", features=["x"])
    assert evidence(alone, count(alone, LATER)).alarms == ()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: profile(LATER), "name one column of answers"),
        (lambda: profile(LATER, score="q"), "there is no column 'q'"),
        (lambda: profile(LATER.slice(0, 0), score="p"), "the reference has no rows"),
        (lambda: profile(LATER, score="x"), "x: expected probabilities"),
        (lambda: profile([1, 2], score="p"), "a list is no table"),
        (lambda: count(REFERENCE, LATER.drop(["x"])), "columns missing: x"),
        (lambda: evidence(REFERENCE, {}, drift=0), "drift = 0: expected a share"),
        (lambda: evidence(REFERENCE, {}, false_alarms=0), "false_alarms = 0: expected a number"),
    ],
)
def test_a_mistake_is_named(make, words):
    with pytest.raises(ShipworthyError, match=words):
        make()


def test_every_public_name_is_there_and_importing_the_package_loads_no_library():
    assert all(callable(getattr(monitoring, name)) for name in monitoring.__all__)
    code = "import sys, shipworthy.monitoring; print(sorted({'numpy', 'pyarrow', 'msgspec'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
