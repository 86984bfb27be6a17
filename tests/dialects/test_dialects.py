"""Every dialect reads the rows that it wrote, and finds the answers where services put them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Feature
from shipworthy.dialects.named import dialect
from shipworthy.dialects.records import Inexpressible, Said, Unreadable
from shipworthy.dialects.tensors import Tensors
from shipworthy.errors import WrongUse

NAMES = ("shipworthy", "v2", "mlflow-split", "mlflow-records", "rows", "row")
FEATURES = (
    Feature(name="age", type="integer"),
    Feature(name="weight", type="float"),
    Feature(name="sex", type="category"),
    Feature(name="smoker", type="boolean"),
)
TEMPLATES = (
    '{"instances": "$rows"}',
    '{"inputs": {"table": "$table"}, "version": 2}',
    '{"patient": "$row"}',
    '{"values": "$values", "options": [1, 2]}',
    '{"body": {"age": "${age}", "kg": "${weight}"}, "sex": "${sex}", "smoker": "${smoker}"}',
)
DIALECTS = [dialect(name, FEATURES) for name in NAMES] + [dialect("", FEATURES, template=text) for text in TEMPLATES]
row = st.fixed_dictionaries(
    {
        "age": st.integers(-(2**53), 2**53),
        "weight": st.floats(allow_nan=False, allow_infinity=False),
        "sex": st.text(),
        "smoker": st.booleans(),
    }
)


@pytest.mark.parametrize("spoken", DIALECTS, ids=lambda one: one.name)
@given(rows=st.lists(row, min_size=1, max_size=4))
def test_what_a_dialect_writes_it_reads(spoken, rows):
    rows = rows if spoken.many else rows[:1]
    assert spoken.rows(spoken.body(rows)) == rows


@pytest.mark.parametrize("spoken", DIALECTS, ids=lambda one: one.name)
@given(body=st.binary(max_size=80) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_what_is_none_of_a_dialect_is_unreadable_and_nothing_worse(spoken, body):
    for read in (spoken.rows, spoken.said):
        with contextlib.suppress(Unreadable):
            read(body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"predictions": [0.5, 1]}, [Said(0.5), Said(1)]),
        ({"score": 0.5}, [Said(0.5)]),
        ([[0.25, 0.75]], [Said(probabilities=(0.25, 0.75))]),
        ({"predictions": [[3.5]]}, [Said(3.5)]),
        (
            {"label": "late", "probabilities": {"late": 0.9, "on time": 0.1}},
            [Said("late", (0.9, 0.1), ("late", "on time"))],
        ),
        ({"predictions": [{"id": "1-w-0-0-0", "prediction": "a"}], "release": 1}, [Said("a", id="1-w-0-0-0")]),
    ],
)
def test_answers_are_found_where_services_put_them(answer, said):
    assert dialect("rows", FEATURES).said(json.dumps(answer).encode()) == said


def test_a_pointer_leads_to_the_answers():
    body = json.dumps({"result": {"a/b": [{"score": 1}, {"score": 2}]}, "predictions": ["not these"]}).encode()
    assert dialect("rows", FEATURES, pointer="/result/a~1b").said(body) == [Said(1), Said(2)]
    with pytest.raises(Unreadable, match="nothing at /result/c"):
        dialect("rows", FEATURES, pointer="/result/c").said(body)


def test_outputs_of_v2_are_read_by_their_shape():
    spoken = dialect("v2", FEATURES)
    body = {
        "outputs": [
            {"name": "prediction", "shape": [2], "datatype": "BYTES", "data": ["no", "yes"]},
            {"name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": [0.9, 0.1, 0.2, 0.8]},
        ]
    }
    assert spoken.said(json.dumps(body).encode()) == [Said("no", (0.9, 0.1)), Said("yes", (0.2, 0.8))]
    body["outputs"][1]["data"] = [0.9]
    with pytest.raises(Unreadable, match="shape"):
        spoken.said(json.dumps(body).encode())


def test_a_v2_service_may_take_all_numbers_as_one_tensor():
    numbers = (Feature(name="a", type="float"), Feature(name="b", type="float"))
    spoken = Tensors(numbers, matrix="predict", datatypes={"predict": "FP32"})
    body = json.loads(spoken.body([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]))
    assert body["inputs"][0] == {
        "name": "predict",
        "shape": [2, 2],
        "datatype": "FP32",
        "data": [[1.0, 2.0], [3.0, 4.0]],
    }
    assert spoken.rows(json.dumps(body).encode())[1] == {"a": 3.0, "b": 4.0}


def test_what_a_dialect_cannot_say_is_inexpressible():
    two = [{"age": 1}, {"age": 2}]
    with pytest.raises(Inexpressible, match="one row"):
        dialect("row", FEATURES).body(two)
    with pytest.raises(Inexpressible, match="missing"):
        dialect("", FEATURES, template='{"v": "$values"}').body(two[:1])


@pytest.mark.parametrize(
    ("template", "message"),
    [("{", "not JSON"), ('{"a": 1}', "holds no row"), ('{"a": "${agee}"}', "agee")],
)
def test_a_template_that_cannot_be_used_says_why(template, message):
    with pytest.raises(WrongUse, match=message):
        dialect("", FEATURES, template=template)


def test_a_dialect_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(WrongUse, match="mlflow-split"):
        dialect("mlflow", FEATURES)
