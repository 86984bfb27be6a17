"""The digest of what a model is."""

from __future__ import annotations

import threading

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shipworthy.environments.runner.canonical import _Walk, fingerprint

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 3))
Y = (X[:, 0] + RANDOM.normal(size=200) > 0).astype(int)


class Worded(catboost.CatBoostClassifier):
    """Over a category with more words than are told apart one by one, so that it holds statistics of them."""

    def __init__(self, seed):
        super().__init__(iterations=3, random_seed=seed, one_hot_max_size=1, verbose=0, allow_writing_files=False)

    def fit(self, x, y):
        words = np.column_stack([np.round(3 * x[:, 0]).astype(int).astype(str), x[:, 1].astype(object)])
        return super().fit(words.astype(object), y, cat_features=[0])


class Wrapped:
    """As users wrap what their library calls by another name."""

    def __init__(self, seed):
        self.inner = Worded(seed)

    def fit(self, x, y):
        self.inner.fit(x, y)
        return self

    def predict(self, x):
        return self.inner.predict(x)


class OfChances:
    """A model that tells of chances alone."""

    def __init__(self, seed):
        self.inner = LogisticRegression(C=1 + seed)

    def fit(self, x, y):
        self.inner.fit(x, y)
        return self

    def predict_proba(self, x):
        return self.inner.predict_proba(x)


MODELS = {
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(C=1 + seed)),
    "forest": lambda seed: RandomForestClassifier(5, random_state=seed),
    "forest of a generator": lambda seed: RandomForestClassifier(5, random_state=np.random.RandomState(seed)),
    "histograms": lambda seed: HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=5 + seed, random_state=seed),
    "lightgbm": lambda seed: lightgbm.LGBMClassifier(n_estimators=3, num_leaves=5 + seed, verbose=-1),
    "xgboost": lambda seed: xgboost.XGBClassifier(n_estimators=3, subsample=0.5, n_jobs=1, random_state=seed),
    "catboost": Worded,
    "one of the project's own, with a booster in it": Wrapped,
    "one of the project's own, with predict_proba alone": OfChances,
    "search": lambda seed: GridSearchCV(LogisticRegression(C=1 + seed), {"tol": [1e-3, 1e-4]}, cv=2),
    "network": lambda seed: MLPClassifier((3,), max_iter=3, tol=10.0, random_state=seed),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def model(request):
    return request.param


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
def test_two_fits_of_the_same_are_the_same_and_of_another_another(model):
    def fitted(seed):
        return fingerprint(model(seed).fit(X, Y))

    assert fitted(0) is not None
    assert fitted(0) == fitted(0)
    assert fitted(0) != fitted(1)


def test_one_changed_leaf_is_another_model():
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    before = fingerprint(forest)
    forest.estimators_[1].tree_.value[0, 0, 0] += 1e-9
    assert fingerprint(forest) != before


def test_a_booster_is_known_by_its_own_text():
    def trained(rounds):
        data = lightgbm.Dataset(X, Y)
        return fingerprint(lightgbm.train({"objective": "binary", "verbose": -1}, data, rounds))

    assert trained(2) == trained(2)
    assert trained(2) != trained(3)


def test_other_families_and_what_cannot_be_told_apart_have_none():
    assert fingerprint({"no": "estimator"}) is None
    model = LogisticRegression().fit(X, Y)
    model.held = lambda: 1
    assert fingerprint(model) is None
    model.held = threading.Lock()
    assert fingerprint(model) is None


def test_what_is_shared_is_walked_over_once():
    """Thirty levels, each twice in the one above: a billion ways to the bottom."""
    model, shared = LogisticRegression().fit(X, Y), [1.0]
    for _ in range(30):
        shared = [shared, shared]
    model.held = shared
    assert fingerprint(model) is not None


def test_a_cycle_ends():
    def knotted():
        model = LogisticRegression().fit(X, Y)
        model.itself = [model]
        return fingerprint(model)

    assert knotted() == knotted() is not None


def test_padding_between_fields_does_not_count():
    kind = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    # A copy need not keep what lies between the fields: these are the very bytes.
    ones, zeros = (np.frombuffer(bytearray([fill]) * kind.itemsize * 4, kind) for fill in (1, 0))
    for array in (ones, zeros):
        array["a"], array["b"] = 7, 2.5
    assert ones.tobytes() != zeros.tobytes()
    assert _Walk().of(ones) == _Walk().of(zeros)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(a, b):
    same = _Walk().of(a) == _Walk().of(b)
    assert same == (repr(_sorted(a)) == repr(_sorted(b)))


def _sorted(value):
    if isinstance(value, dict):
        return [f"{key!r}:{_sorted(value[key])!r}" for key in sorted(value)], "dict"
    return [_sorted(each) for each in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), st.integers()), st.randoms())
def test_the_order_of_a_mapping_does_not_count(values, random):
    shuffled = list(values.items())
    random.shuffle(shuffled)
    assert _Walk().of(dict(shuffled)) == _Walk().of(values)
