"""`init`: what is proposed can be read, is kept by its own sample, overwrites nothing, and its train.py trains."""

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from shipworthy.contract.proposal import proposal
from shipworthy.contract.reading import parse, read
from shipworthy.contract.records import Contract, Feature
from shipworthy.contract.sample import argument, file_sample, propose, read_sample, write_project
from shipworthy.contract.study import study
from shipworthy.contract.violations import violations
from shipworthy.errors import NotFound, WrongUse

ROWS = 300
RANDOM = np.random.default_rng(5)
START = datetime(2013, 1, 1, tzinfo=UTC)
FLIGHTS = pa.table(
    {
        "flight_id": pa.array(range(ROWS)),
        "departure": pa.array([START + timedelta(hours=row) for row in range(ROWS)]),
        "carrier": pa.array(RANDOM.choice(["UA", "AA", "DL"], ROWS)),
        "tail": pa.array([f"N{row}" for row in range(ROWS)]),
        "sepal length (cm)": pa.array([None if row % 10 == 0 else row / 7 for row in range(ROWS)]),
        "seats": pa.array(RANDOM.integers(2, 200, ROWS)),
        "humidity": pa.array(RANDOM.random(ROWS)),
        "direct": pa.array(RANDOM.random(ROWS) < 0.5),
        "empty": pa.nulls(ROWS),
        "delays": pa.array([[1, 2]] * ROWS),
        "late": pa.array((RANDOM.random(ROWS) < 0.3).astype(int)),
    }
)


def proposed(table: pa.Table, target: str | None = None) -> Contract:
    text = proposal(study(table, target), name="m", data="rows", source="file:rows.parquet")
    return parse(text, "proposal")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "flights.parquet"
    pq.write_table(FLIGHTS, path)
    return path


@pytest.mark.parametrize("name", ['5" disc', "a\\b", "tab\there", " space", "no\u00a0break"])
def test_a_column_that_no_request_could_name_is_left_out(name: str):
    table = FLIGHTS.append_column(name, FLIGHTS["humidity"])
    assert name not in [feature.name for feature in proposed(table, "late").features]
    (column,) = [column for column in study(table, "late").columns if column.name == name]
    assert column.seen.endswith("rename it")


def test_a_sample_becomes_a_contract(sample: Path):
    contract = parse(propose(sample, folder=sample.parent), "proposal")
    assert (contract.name, contract.model.task, contract.gate.metric) == ("flights", "classification", "auc")
    (source,) = contract.data
    assert (source.name, source.kind, source.location) == ("flights", "file", "flights.parquet")
    assert (source.target, source.time) == ("late", "departure")
    assert contract.features == (
        Feature(name="carrier", type="category", values=("AA", "DL", "UA"), unknown="allow"),
        Feature(name="sepal length (cm)", type="float", nullable=True, min=0, max=65),
        Feature(name="seats", type="integer", min=0, max=300),
        Feature(name="humidity", type="float", min=0, max=1),
        Feature(name="direct", type="boolean"),
    )


def test_what_is_left_out_is_said_in_the_contract(sample: Path):
    text = propose(sample)
    assert '# "flight_id" only tells rows apart\n' in text
    assert '# "tail" has 300 different texts in 300 rows, too many to learn from\n' in text
    assert '# "empty" holds nothing but nulls\n' in text
    assert '# "delays" is of type list<element: int64>, which no feature can have\n' in text
    assert '# "departure" tells when, from 2013-01-01 00:00 to' in text


def test_a_guessed_target_is_said_aloud_and_a_given_one_is_taken(sample: Path):
    assert "# guessed: the last column that could be predicted" in propose(sample)
    contract = parse(propose(sample, target="seats", name="seats-left"), "proposal")
    assert (contract.name, contract.data[0].target, contract.model.task) == ("seats-left", "seats", "regression")
    assert "# guessed" not in propose(sample, target="seats")


def test_a_target_that_is_not_there_names_the_likely_one(sample: Path):
    with pytest.raises(WrongUse, match=r'no column "lat" \(did you mean "late"\?\)'):
        propose(sample, target="lat")


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (pa.array(["a", "b", "c"] * 10), "classification"),
        (pa.array([0.0, 1.0, 1.0] * 10), "classification"),
        (pa.array([0, 1, 2] * 10), "classification"),
        (pa.array([True, False, None] * 10), "classification"),
        (pa.array(range(30)), "regression"),
        (pa.array([0.5, 1.5, 2.5] * 10), "regression"),
    ],
)
def test_the_task_follows_from_the_target(column, task):
    table = pa.table({"x": RANDOM.random(30), "label": column})
    assert proposed(table).model.task == task


def test_a_csv_and_a_parquet_file_of_the_same_rows_give_the_same_features(tmp_path: Path):
    table = FLIGHTS.drop_columns(["empty", "delays"])
    pq.write_table(table, tmp_path / "a.parquet")
    csv.write_csv(table, tmp_path / "a.csv")
    by_kind = [parse(propose(tmp_path / name), name).features for name in ("a.parquet", "a.csv")]
    assert by_kind[0] == by_kind[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"x": pa.array([], pa.float64())}), "the sample has no rows"),
        (pa.table({"y": [1.5, 2.5]}), 'nothing to predict "y" from: there is no other column'),
        (pa.table({"x": [1.0, 1.0]}), "no column that could be predicted"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"]), 'two columns "x"'),
        (pa.table({"y": [1, 2], "when": pa.array([0, 1], pa.date32())}), "nothing to predict"),
    ],
)
def test_a_sample_without_a_question_is_refused_with_the_reason(table, message):
    with pytest.raises(WrongUse, match=message):
        study(table)


def test_what_cannot_be_read_is_refused_with_the_path(tmp_path: Path):
    with pytest.raises(NotFound, match=r"missing\.parquet"):
        read_sample(tmp_path / "missing.parquet")
    for name in ("notes.txt", "broken.parquet", "empty.csv"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(WrongUse, match=name):
            read_sample(tmp_path / name)
    with pytest.raises(WrongUse):
        read_sample(tmp_path)


def test_the_name_of_the_argument_is_a_name_that_python_takes():
    names = ["flights.csv.gz", "2013 flights.csv", "class.csv", "seed.parquet", "Ünïcode-Rows.csv", "….csv"]
    assert [argument(name) for name in names] == [
        "flights",
        "data_2013_flights",
        "data_class",
        "data_seed",
        "n_code_rows",
        "data",
    ]


def test_nothing_that_exists_is_overwritten(sample: Path):
    (sample.parent / "train.py").write_text("mine")
    written = write_project(file_sample(sample, sample.parent), sample.parent)
    assert [path.name for path in written.files] == ["shipworthy.toml"]
    assert [path.name for path in written.kept] == ["train.py"]
    assert (sample.parent / "train.py").read_text() == "mine"
    before = (sample.parent / "shipworthy.toml").read_text()
    with pytest.raises(WrongUse, match="never overwritten"):
        write_project(file_sample(sample, sample.parent), sample.parent)
    assert (sample.parent / "shipworthy.toml").read_text() == before


@pytest.mark.parametrize("frame", ["pandas", "polars"])
@pytest.mark.parametrize("target", ["late", "humidity", "carrier"])
def test_the_first_train_py_trains(sample: Path, frame, target):
    folder = sample.parent / f"{frame}-{target}"
    write_project(file_sample(sample, folder), folder, target=target, frame=frame)
    contract = read(folder / "shipworthy.toml")
    assert contract.data[0].location == str(sample)
    spec = importlib.util.spec_from_file_location("first_train", folder / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = FLIGHTS.to_pandas() if frame == "pandas" else module.pl.from_arrow(FLIGHTS)
    model = module.train(flights=table, parameters={**contract.parameters, "max_iter": 30}, seed=contract.model.seed)
    answers = model.predict(table[[feature.name for feature in contract.features]])
    assert len(answers) == ROWS
    assert len(set(answers.tolist())) > 1


def columns(rows: int):
    def of(values, kind):
        return st.lists(st.none() | values, min_size=rows, max_size=rows).map(lambda found: pa.array(found, kind))

    instants = st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 - naive columns are common
    return st.one_of(
        of(st.floats(), pa.float64()),
        of(st.floats(width=32), pa.float32()),
        of(st.integers(-(2**63), 2**63 - 1), pa.int64()),
        of(st.integers(0, 3), pa.uint8()),
        of(st.booleans(), pa.bool_()),
        of(st.text(max_size=3), pa.string()),
        of(st.sampled_from(["a", 'b"', "c\n"]), pa.string()).map(lambda found: found.dictionary_encode()),
        of(st.decimals(-99, 99, places=2), pa.decimal128(6, 2)),
        of(instants, pa.timestamp("us")),
        of(st.binary(max_size=2), pa.binary()),
        st.just(pa.nulls(rows)),
    )


def with_a_question(found: dict[str, pa.Array]) -> pa.Table:
    """Whatever else is in it, there is one column to predict and one to predict it from."""
    rows = len(next(iter(found.values())))
    sure = {"label": pa.array(range(rows)), "x": pa.array([row / 2 for row in range(rows)])}
    return pa.table({**found, **sure})


tables = st.integers(2, 12).flatmap(
    lambda rows: st.dictionaries(st.text(max_size=4), columns(rows), min_size=1, max_size=5).map(with_a_question)
)


@settings(max_examples=100, deadline=None)
@given(tables, st.data())
def test_whatever_the_sample_what_is_proposed_can_be_read_and_is_kept_by_the_sample(table, data):
    target = data.draw(st.none() | st.sampled_from(table.column_names))
    try:
        studied = study(table, target)
    except WrongUse:  # such a column cannot be predicted, but another one can
        studied = study(table)
    text = proposal(studied, name="m", data="rows", source="file:rows.parquet")
    contract = parse(text, "proposal")
    assert contract.features == studied.features
    assert contract.data[0].target == studied.target
    assert [found for found in violations(contract, table) if found.kind != "not finite"] == []


def test_texts_that_look_like_dates_are_said_to_be_none(tmp_path: Path):
    (tmp_path / "seen.csv").write_text("seen,plan,left\n" + "31/01/2024,a-1,0\n1.2.2024 10:00,b-2,1\n" * 9)
    written = write_project(file_sample(tmp_path / "seen.csv", tmp_path), tmp_path)
    assert [said for said in written.said if "looks like dates" in said] == [
        "seen looks like dates and is read as texts: written as 2024-01-31 they would be times."
    ]
    assert "dates, taken as texts\n" in (tmp_path / "shipworthy.toml").read_text()


def test_a_column_that_tells_rows_apart_is_proposed_as_their_id():
    text = proposal(study(FLIGHTS), name="m", data="rows", source="file:rows.parquet")
    assert '# id = "flight_id"' in text
