"""Ticks of requests for one row each are answered together, and just as they would be one by one."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving.conftest import DESCRIPTION, ROW, contract, write_bundle

from shipworthy.models.records import Answers
from shipworthy.predictions import reader
from shipworthy.predictions.log import LogWriter
from shipworthy.serving.answer import Answer
from shipworthy.serving.answering import Answering
from shipworthy.serving.exchange import Exchange, Head
from shipworthy.serving.live import live
from shipworthy.serving.loading import load_rehearsal
from shipworthy.serving.metrics import Metrics, exposition
from shipworthy.serving.native import Native
from shipworthy.serving.routes import Routes
from shipworthy.serving.rows import Call

NAMES = st.text(max_size=5)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def bodies_one_by_one(native, classes, begin, values, ids):
    numbers = values.tolist()
    said = [classes[best] for best in values.argmax(axis=1)] if classes else [row[0] for row in numbers]
    answers = [Answer([f"{begin}{row}"], [said[row]], [numbers[row]]) for row in range(len(numbers))]
    return [native.write(Call([()], id_), answer).body for id_, answer in zip(ids, answers, strict=True)]


@given(
    data=st.data(),
    classes=st.one_of(
        st.just(()),
        st.lists(NAMES, min_size=2, max_size=4, unique=True).map(tuple),
        st.just((False, True)),
        st.lists(st.integers(), min_size=2, max_size=3, unique=True).map(tuple),
        st.just((0.5, 1.0, 100.0)),
    ),
    model=st.sampled_from(["flight-delay", "50%b", 'a"b']),
)
@settings(max_examples=300, deadline=None)
def test_an_answer_has_the_same_bytes_alone_and_together(data, classes, model):
    native = Native(7, msgspec.structs.replace(DESCRIPTION, model=model, classes=classes), 100)
    shape = st.lists(FINITE, min_size=len(classes) or 1, max_size=len(classes) or 1)
    values = np.array(data.draw(st.lists(shape, min_size=1, max_size=4)), float)
    ids = data.draw(st.lists(st.none() | st.text(min_size=1, max_size=4), min_size=len(values), max_size=len(values)))
    found = native.write_singles(b"7-w0-1-0-88-", values, ids)
    assert found == bodies_one_by_one(native, classes, "7-w0-1-0-88-", values, ids)


ANY_ROW = st.fixed_dictionaries(
    {},
    optional={
        "distance": st.sampled_from([-1, 0, 600, None, "far"]),
        "carrier": st.sampled_from(["AA", "zz", None]),
        "departure": st.sampled_from(["2013-04-01T10:00:00Z", 5, "0001-01-01T00:00:00Z"]),
        "carier": st.just("AA"),
    },
)
ASKED = st.fixed_dictionaries(
    {"rows": st.lists(ANY_ROW.map(lambda changed: {**ROW, **changed}), max_size=2)},
    optional={"id": st.sampled_from(["mine", "", None, 5]), "ids": st.sampled_from([["a"], ["a", "b"], None])},
)


@given(st.lists(ASKED.map(lambda asked: json.dumps(asked).encode()) | st.just(b"{"), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_tick_has_the_same_answers_records_and_figures_either_way(tmp_path_factory, bodies):
    assert ticked(tmp_path_factory.mktemp("plain"), bodies, plain=True) == ticked(
        tmp_path_factory.mktemp("any"), bodies, plain=False
    )


@pytest.mark.parametrize("path", [b"/predict", b"/models/flight-delay/predict"])
def test_requests_of_one_row_are_one_record(tmp_path, path):
    bodies = [json.dumps({"rows": [ROW], "id": id_}).encode() for id_ in ("a", "b")]
    replies, records, _ = ticked(tmp_path, bodies, plain=True, path=path)
    assert [json.loads(body)["id"] for _, body in replies] == ["a", "b"]
    assert records.startswith("[(2, ['a', 'b'], ")


class Far:
    """A model that says how far."""

    name = "python"

    def predict(self, columns):
        late = np.nan_to_num(columns[0]) / 6000
        return Answers(np.stack([1 - late, late], axis=1))


class Sender:
    def __init__(self):
        self.replies = []

    def reply(self, reply, *, close, bodyless):
        self.replies.append((reply.status, reply.body))


def ticked(folder, bodies, *, plain, path=b"/predict"):
    """Answers, records and figures of one tick."""
    (folder / "contract.json").write_bytes(msgspec.json.encode(contract()))
    loaded = load_rehearsal(write_bundle(folder / "bundle"), folder / "contract.json")
    release = live(3, loaded.contract, loaded.description, Far())
    log = LogWriter(folder / "logs", "w0-1")
    log.open("flight-delay", 3, release.description.features, ("no", "yes"))
    metrics = Metrics(folder / "metrics", "w0", "flight-delay", list(ROW), 3)
    answering = Answering(release, log, metrics, Routes(release, folder / "metrics", lambda: ""))
    sender = Sender()
    head = Head(b"POST", path, plain=plain)
    answering.answer([Exchange(sender, head, body) for body in bodies], 0.0)
    records = [
        (one.rows, one.ids, one.flags, one.refused, [column.tolist() for column in one.columns], one.values.tolist())
        for one in reader.read(log.folder / "00000000.log")
    ]
    figures = [
        line
        for line in exposition(folder / "metrics").decode().splitlines()
        if "seconds" not in line and not line.startswith("#")
    ]
    metrics.close()
    log.close()
    return sender.replies, repr(records), figures
