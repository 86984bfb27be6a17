"""Graphs of our own against the libraries: new rows, nulls, unseen categories, both sides of every split point."""

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tests.models.conftest import CATEGORIES, FEATURES, NUMBERS, delay, flights

from shipworthy.contract.records import Feature
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import from_arrow, schema
from shipworthy.models.inside.estimators import answers, inputs
from shipworthy.models.inside.graph import Graph, Unsupported
from shipworthy.models.inside.own_call import as_table, own_call
from shipworthy.models.records import BundleDescription
from shipworthy.models.runtimes import FILES, load

GRID = 12.7  # distances are multiples of it, so that split points are these or the middles between them
SPLITS = np.arange(0, 400) / 2 * GRID


def _encoder(**more):
    settings = {"unknown_value": -1, "encoded_missing_value": np.nan, **more}
    return OrdinalEncoder(handle_unknown="use_encoded_value", **settings)


def _ordinal(model, *numbers):
    rest = (make_pipeline(*numbers), NUMBERS) if numbers else None
    encoded = make_column_transformer((_encoder(), CATEGORIES), *([rest] if rest else []), remainder="passthrough")
    return make_pipeline(encoded, model)


def _hot(model, **more):
    encoder = OneHotEncoder(**{"handle_unknown": "ignore", **more})
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    # Named in another order than the table has them: columns are picked by name.
    return make_pipeline(make_column_transformer((numbers, NUMBERS[::-1]), (encoder, CATEGORIES[::-1])), model)


def _complete(model):
    """For libraries that take no NaN."""
    encoded = make_column_transformer((_encoder(encoded_missing_value=-2), CATEGORIES), (SimpleImputer(), NUMBERS))
    return make_pipeline(encoded, model)


def _light(kind, **more):
    return kind(n_estimators=15, verbose=-1, n_jobs=1, **more)


LABELS = {
    "two": lambda late: late > np.median(late),
    "three": lambda late: np.array(["early", "fine", "late"])[np.digitize(late, np.quantile(late, [0.3, 0.7]))],
    "number": lambda late: np.exp(late / 2),
}
CASES = {
    "hist boosting, two": _ordinal(HistGradientBoostingClassifier(max_iter=15)),
    "hist boosting, three": _ordinal(HistGradientBoostingClassifier(max_iter=10)),
    "hist boosting, number": _ordinal(HistGradientBoostingRegressor(max_iter=15)),
    "hist boosting poisson, number": _ordinal(HistGradientBoostingRegressor(max_iter=15, loss="poisson")),
    "hist boosting of category sets, two": _ordinal(
        HistGradientBoostingClassifier(max_iter=15, categorical_features=[0, 1], min_samples_leaf=5)
    ),
    "hist boosting of texts, three": HistGradientBoostingClassifier(max_iter=10, categorical_features=CATEGORIES),
    "forest, two": _ordinal(RandomForestClassifier(10, random_state=0)),
    "forest, three": _ordinal(RandomForestClassifier(10, random_state=0)),
    "forest, number": _complete(RandomForestRegressor(10, random_state=0)),
    "extra trees, two": _complete(ExtraTreesClassifier(10, random_state=0)),
    "tree, three": _ordinal(DecisionTreeClassifier(random_state=0)),
    "boosting, two": _complete(GradientBoostingClassifier(n_estimators=15)),
    "boosting exponential, two": _complete(GradientBoostingClassifier(n_estimators=15, loss="exponential")),
    "boosting, three": _complete(GradientBoostingClassifier(n_estimators=10)),
    "boosting huber, number": _complete(GradientBoostingRegressor(n_estimators=15, loss="huber")),
    "lightgbm, two": _ordinal(_light(lightgbm.LGBMClassifier)),
    "lightgbm, three": _ordinal(_light(lightgbm.LGBMClassifier)),
    "lightgbm tweedie, number": _ordinal(_light(lightgbm.LGBMRegressor, objective="tweedie")),
    "lightgbm forest, two": _ordinal(
        _light(lightgbm.LGBMClassifier, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5)
    ),
    "lightgbm of category sets, two": make_pipeline(
        make_column_transformer(
            (_encoder(unknown_value=99, encoded_missing_value=98), CATEGORIES), remainder="passthrough"
        ),
        _light(lightgbm.LGBMClassifier, categorical_feature=[0, 1], min_data_per_group=5, cat_smooth=1),
    ),
    "xgboost, two": _ordinal(xgboost.XGBClassifier(n_estimators=15, n_jobs=1)),
    "xgboost, three": _ordinal(xgboost.XGBClassifier(n_estimators=10, n_jobs=1)),
    "xgboost tweedie, number": _ordinal(xgboost.XGBRegressor(n_estimators=15, n_jobs=1, objective="reg:tweedie")),
    "logistic, two": _hot(LogisticRegression()),
    "logistic of rare categories, three": _hot(
        LogisticRegression(), min_frequency=0.2, handle_unknown="infrequent_if_exist"
    ),
    "logistic without the first category, two": _hot(LogisticRegression(), drop="first"),
    "ridge, number": _ordinal(Ridge(), SimpleImputer(strategy="median"), MinMaxScaler()).set_params(
        columntransformer__ordinalencoder__encoded_missing_value=-2
    ),
    "logistic of filled texts, two": make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                CATEGORIES,
            ),
            (SimpleImputer(strategy="median"), ["hour", "night"]),  # nothing is missing there
        ),
        LogisticRegression(max_iter=1000),
    ),
    "poisson, number": _hot(PoissonRegressor()),
    "perceptron, two": _hot(MLPClassifier((8,), max_iter=5, random_state=0)),
    "perceptron tanh, three": _hot(MLPClassifier((8, 5), activation="tanh", max_iter=5, random_state=0)),
    "perceptron, number": _hot(MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0)),
}


def _training(rows=2000):
    frame = flights(0, rows)
    frame["distance"] = (frame["distance"] / GRID).round() * GRID
    return frame


def _probes():
    """Distances on and beside all that can be split points, in double precision."""
    at = np.concatenate([np.nextafter(SPLITS, -np.inf), SPLITS, np.nextafter(SPLITS, np.inf)])
    frame = flights(seed=3, rows=len(at))
    frame["distance"] = at
    frame.loc[:40, "carrier"] = "never seen"
    return frame


def _runtime(folder, model, features):
    graph = Graph([{"name": each.name, "type": each.type, "values": each.values} for each in features])
    content = graph.finish(answers(graph, model, inputs(graph, model)))
    file = folder / FILES["onnx"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    classes = tuple(getattr(model, "classes_", ()))
    classes = tuple(value.item() for value in model.classes_) if len(classes) else ()
    task = "classification" if classes else "regression"
    description = BundleDescription(1, "toy", task, tuple(features), classes, "late", "", (), "onnx", "onnx")
    return load(Bundle(folder, description), "onnx")


def _difference(folder, model, frame, features, kind="pandas"):
    """The largest difference between a graph's answers and the library's, to all rows at once and one by one."""
    table = pa.Table.from_pandas(frame, schema=schema(features), preserve_index=False)
    call = own_call(model, "classification" if hasattr(model, "predict_proba") else "regression")
    own = np.asarray(call(as_table(table, kind)), dtype=float).reshape(table.num_rows, -1)
    runtime, columns = _runtime(folder, model, features), from_arrow(table, features)
    together = np.abs(runtime.predict(columns).values - own).max()
    alone = [runtime.predict([column[row : row + 1] for column in columns]).values[0] - own[row] for row in range(50)]
    return max(together, np.abs(alone).max())


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")  # infrequent_if_exist says what it does
@pytest.mark.filterwarnings("ignore:categorical_feature keyword has been found:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_a_graph_answers_as_the_library_does(tmp_path, name):
    """To the last bits of a double, where a graph in single precision is off by up to a leaf's value."""
    frame = _training()
    labels = LABELS[name.rpartition(", ")[2]](delay(frame, 0))
    if name.startswith("xgboost"):  # wants labels 0, 1, …
        labels = np.unique(labels, return_inverse=True)[1] if "number" not in name else labels
    model = CASES[name].fit(frame, labels)
    # Leaves that hold several values are summed in single precision, and XGBoost knows no other.
    allowed = 1e-6 if name == "forest, three" or name.startswith("xgboost") else 1e-13
    assert _difference(tmp_path, model, _probes(), FEATURES) <= allowed * max(
        1, np.abs(labels).max() if "number" in name else 1
    )


def test_a_null_is_a_category_of_its_own_where_the_table_says_none(tmp_path):
    """A polars frame has None where pandas has NaN, and scikit-learn's encoders tell the two apart."""
    model = CASES["hist boosting, two"]
    table = pa.Table.from_pandas(_training(), schema=schema(FEATURES), preserve_index=False)
    model.fit(as_table(table, "polars"), delay(_training(), 0) > 1)
    assert _difference(tmp_path, model, _probes(), FEATURES, "polars") < 1e-13


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), missing=st.booleans(), categories=st.integers(2, 70))
def test_category_sets_and_missing_values_of_any_shape(tmp_path_factory, seed, missing, categories):
    """Sets of up to 70 categories, empty ones too, missing values on either side, trees of one leaf."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, categories, 300).astype(float)
    if missing:
        codes[random.random(300) < 0.3] = np.nan
    frame = pd.DataFrame({"code": codes, "x": random.normal(size=300).round(1)})
    late = random.integers(0, 2, categories)[np.nan_to_num(codes).astype(int)] + 0.1 * frame.x
    model = HistGradientBoostingRegressor(max_iter=4, categorical_features=[0], min_samples_leaf=2)
    features = (Feature(name="code", type="integer", nullable=True), Feature(name="x", type="float"))
    model.fit(frame, late)
    probes = pd.concat([frame, pd.DataFrame({"code": [np.nan, 1.0, 250.0], "x": [0.0, -0.05, 0.05]})])
    assert _difference(tmp_path_factory.mktemp("model"), model, probes, features) < 1e-13


@pytest.mark.parametrize(
    "model", [_light(lightgbm.LGBMRegressor), HistGradientBoostingRegressor(max_iter=15), xgboost.XGBRegressor()]
)
def test_missing_values_that_training_never_saw(tmp_path, model):
    """Each library sends them its own way: LightGBM takes them for zero."""
    frame = _training()[NUMBERS].fillna({"wind": -1.0})
    features = [feature for feature in FEATURES if feature.name in NUMBERS]
    model.fit(frame, delay(_training(), 0))
    frame["wind"] = np.nan
    assert _difference(tmp_path, model, frame, features) < 1e-6


@pytest.mark.parametrize("kept", [len(FEATURES), 5])
def test_columns_in_another_order_than_the_contracts(tmp_path, kept):
    """A train function that picks its columns by name, some of them or all, hands them over in an order of its own."""
    frame = _training(500)
    names = [feature.name for feature in FEATURES][::-1][:kept]
    numbers = [name for name in NUMBERS if name in names]
    encoded = make_column_transformer((SimpleImputer(), numbers), (_encoder(), sorted({*CATEGORIES} & {*names})))
    model = make_pipeline(encoded, HistGradientBoostingRegressor(max_iter=10)).fit(frame[names], delay(frame, 0))
    assert _difference(tmp_path, model, _probes(), FEATURES) < 1e-13


def test_what_is_not_known_is_named():
    """The user's own code, and inputs that no graph of ours takes."""
    frame = _training(200)
    late = delay(frame, 0) > 1
    own = make_pipeline(make_column_transformer((FunctionTransformer(np.log1p), ["distance"])), LogisticRegression())
    graph = Graph([{"name": feature.name, "type": feature.type} for feature in FEATURES])
    with pytest.raises(Unsupported, match=r"FunctionTransformer\(log1p\) is code of its own"):
        answers(graph, own.fit(frame, late), inputs(graph, own))
    plain = LogisticRegression().fit(frame[["distance", "hour"]], late)
    graph = Graph([{"name": "distance", "type": "category"}, {"name": "hour", "type": "integer"}])
    with pytest.raises(Unsupported, match=r"texts \(distance\) where numbers are expected"):
        answers(graph, plain, inputs(graph, plain))
    graph = Graph([{"name": "distance", "type": "timestamp"}, {"name": "hour", "type": "integer"}])
    with pytest.raises(Unsupported, match="the timestamp distance"):
        answers(graph, plain, inputs(graph, plain))


def test_only_what_the_model_uses_is_asked_for(tmp_path):
    """A column transformer that drops features leaves them out of the graph."""
    frame = _training(300)
    kept = make_column_transformer((_encoder(), ["origin"]), (SimpleImputer(), ["wind", "hour"]))
    model = make_pipeline(kept, RandomForestRegressor(5)).fit(frame, delay(frame, 0))
    runtime = _runtime(tmp_path, model, FEATURES)
    assert {put.name for put in runtime._session.get_inputs()} == {":numbers", "origin"}
    assert _difference(tmp_path, model, _probes(), FEATURES) < 1e-13


WORDS = {"carrier": ("", "AA", "B6", "DL", "UA", "WN"), "origin": ("EWR", "JFK", "LGA", "nowhere")}
OVER_WORDS = tuple(
    Feature(name=each.name, type=each.type, nullable=each.name == "wind", values=WORDS.get(each.name))
    for each in FEATURES
)
_CAT = {"cat_features": CATEGORIES, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
_SIMPLE = {"one_hot_max_size": 1, "simple_ctr": ["Buckets", "BinarizedTargetMeanValue", "Counter"]}
_CATEGORICAL = {"n_estimators": 15, "n_jobs": 1, "enable_categorical": True}
OF_WORDS = {
    "catboost, two": catboost.CatBoostClassifier(iterations=30, **_CAT),
    "catboost, three": catboost.CatBoostClassifier(iterations=15, nan_mode="Max", **_CAT),
    "catboost one against all, three": catboost.CatBoostClassifier(
        iterations=15, loss_function="MultiClassOneVsAll", **_CAT
    ),
    "catboost of statistics, two": catboost.CatBoostClassifier(
        iterations=30, combinations_ctr=["Borders", "Counter"], **_SIMPLE, **_CAT
    ),
    "catboost leaf by leaf, three": catboost.CatBoostClassifier(iterations=15, grow_policy="Lossguide", **_CAT),
    "catboost, number": catboost.CatBoostRegressor(iterations=30, one_hot_max_size=1, **_CAT),
    "catboost tweedie, number": catboost.CatBoostRegressor(
        iterations=15, loss_function="Tweedie:variance_power=1.5", **_CAT
    ),
    "xgboost of sets, two": xgboost.XGBClassifier(max_cat_to_onehot=1, **_CATEGORICAL),
    "xgboost one by one, three": xgboost.XGBClassifier(max_cat_to_onehot=99, **_CATEGORICAL),
    "xgboost of sets, number": xgboost.XGBRegressor(**_CATEGORICAL),
    "lightgbm of sets, two": _light(lightgbm.LGBMClassifier, min_data_per_group=5, cat_smooth=1),
    "lightgbm of sets, number": _light(lightgbm.LGBMRegressor),
}


@pytest.mark.parametrize("name", OF_WORDS)
def test_a_booster_over_words_is_answered_as_by_itself(tmp_path, name):
    """Trained on words or on pandas categories, with sets, statistics of categories and of combinations of them."""
    frame = _training().fillna({"origin": "nowhere"})
    labels = LABELS[name.rpartition(", ")[2]](delay(frame, 0))
    if "number" not in name:
        labels = np.unique(labels, return_inverse=True)[1]
    typed = frame if name.startswith("catboost") else frame.astype(dict.fromkeys(CATEGORIES, "category"))
    model = OF_WORDS[name].fit(typed, labels)
    asked = _probes().fillna({"origin": "nowhere"})
    allowed = 1e-6 if name.startswith("xgboost") else 1e-13
    assert _difference(tmp_path, model, asked, OVER_WORDS) <= allowed * max(1, np.abs(labels).max())
