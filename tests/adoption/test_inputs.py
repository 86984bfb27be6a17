"""Which columns of a sample a model takes: by its names, by place, or not at all."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from shipworthy.adoption.inputs import UNKNOWN, choose, proposed
from shipworthy.errors import WrongUse
from shipworthy.models.adopting import Described

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4],
        "wind": [1.5, None, 3.0, 2.0],
        "hour": [1, 2, 3, 4],
        "late": [0, 1, 0, 1],
        "gate": list("abcd"),
    }
)
NAMED = Described(
    family="sklearn.linear_model.LogisticRegression",
    task="classification",
    classes=(0, 1),
    names=("hour", "wind"),
    inputs=2,
    table="pandas",
    parameters={},
    seeds={},
    distributions=(),
    warnings=(),
)
UNNAMED = msgspec.structs.replace(NAMED, names=(), table="numpy")


def test_a_model_that_names_its_inputs_gets_them_in_its_own_order():
    chosen = choose(NAMED, TABLE, None)
    assert (chosen.features, chosen.labels) == (("hour", "wind"), "late")


def test_a_column_is_the_truth_only_where_nothing_else_could_be():
    """Of several that hold its classes, the one that is called so; without one, none."""
    two = TABLE.append_column("missed", pa.array([1, 0, 1, 1]))
    assert choose(NAMED, two, None).labels is None
    assert choose(NAMED, two.rename_columns([*two.column_names[:-1], "target"]), None).labels == "target"
    assert choose(NAMED, two, "missed").labels == "missed"
    assert choose(NAMED, TABLE.drop_columns(["late"]), None).labels is None


def test_missing_columns_are_named_with_the_likely_typo():
    with pytest.raises(WrongUse, match=r'missing: "wind" \(did you mean "winds"\?\)'):
        choose(NAMED, TABLE.rename_columns(["id", "winds", "hour", "late", "gate"]), None)


def test_without_names_the_place_decides_where_the_number_fits():
    table = TABLE.select(["hour", "wind", "late"])
    assert choose(UNNAMED, table, None) == choose(UNNAMED, table, "late")
    assert choose(UNNAMED, table, None).features == ("hour", "wind")
    assert choose(UNNAMED, table.drop_columns(["late"]), None).labels is None


def test_without_names_and_with_too_many_columns_the_user_is_asked():
    with pytest.raises(WrongUse, match=r"the model takes 2 columns and does not say which.*--features a,b,c"):
        choose(UNNAMED, TABLE, "late")
    assert choose(UNNAMED, TABLE, "late", ("wind", "hour")).features == ("wind", "hour")
    with pytest.raises(WrongUse, match="takes 2 columns, 1 are named: wind"):
        choose(UNNAMED, TABLE, "late", ("wind",))


@pytest.mark.parametrize(("target", "told"), [("lat", "has no column"), ("wind", "takes this column as an input")])
def test_a_target_that_cannot_be(target, told):
    with pytest.raises(WrongUse, match=told):
        choose(NAMED, TABLE, target)


def test_whatever_the_model_takes_is_an_input_and_nothing_else_is():
    """An identifier would be left out of a proposal; not where the model takes it."""
    takes_id = msgspec.structs.replace(NAMED, names=("id", "wind"))
    found = proposed(choose(takes_id, TABLE, "late"), takes_id, TABLE)
    assert [(feature.name, feature.type) for feature in found.features] == [("id", "integer"), ("wind", "float")]
    assert (found.target, found.task, found.classes, found.guessed) == ("late", "classification", 2, "")


def test_a_sample_without_the_truth_leaves_its_name_open():
    table = TABLE.select(["hour", "wind"])
    found = proposed(choose(NAMED, table, None), NAMED, table)
    assert (found.target, found.task) == (UNKNOWN, "classification")
    assert "not in the sample" in found.guessed
    with pytest.raises(WrongUse, match="the sample has 1 rows"):
        proposed(choose(NAMED, table, None), NAMED, table.slice(0, 1))
