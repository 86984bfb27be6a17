"""What is appended comes back, whatever happens to the process, the disk or the bytes."""

import errno
import fcntl
import os
import string
import struct
import threading
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.contract.records import Feature
from shipworthy.errors import InUse, NotFound, Tampered
from shipworthy.models.records import SideBySide
from shipworthy.predictions import ids, reader
from shipworthy.predictions.frames import frame
from shipworthy.predictions.log import LOCK, LogWriter, source_name
from shipworthy.predictions.reader import writer_lives

FEATURES = (
    Feature(name="distance", type="float", nullable=True),
    Feature(name="stops", type="integer"),
    Feature(name="night", type="boolean"),
    Feature(name="carrier", type="category", nullable=True),
    Feature(name="departure", type="timestamp"),
)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def appended(draw):
    """Arguments of one `append`: any rows, answers, ids, flags and refusals; columns one by one, or side by side."""
    rows = draw(st.integers(0, 4))
    text = st.none() | st.text(max_size=5)

    def column(element, dtype):
        return np.array(draw(st.lists(element, min_size=rows, max_size=rows)), dtype)

    columns = [
        column(st.floats(), np.float64),
        column(INT64, np.int64),
        column(st.booleans(), bool),
        column(text, object),
        column(INT64, np.int64),
    ]
    if draw(st.booleans()):
        numbers = np.stack([column.astype(float) for column in columns[:3]], axis=1)
        columns = SideBySide(numbers, (0, 1, 2), dict(enumerate(columns[1:], 1)), len(columns))
    return {
        "arrived": draw(INT64),
        "rows": rows,
        "columns": columns,
        "values": np.array(draw(st.lists(st.floats(), min_size=2 * rows, max_size=2 * rows)), float).reshape(rows, 2),
        "caller_ids": draw(st.none() | st.lists(text, min_size=rows, max_size=rows)),
        "flags": draw(st.lists(st.tuples(st.integers(0, rows - 1), st.integers(0, 4)), max_size=2)) if rows else [],
        "refused": draw(st.dictionaries(st.integers(0, 4), st.integers(1, 9), max_size=2)),
    }


def written(logs, calls, **options):
    """A new source with the calls appended, closed; returns its folder and the offsets."""
    writer = LogWriter(logs, source_name("w0"), **options)
    writer.open("flights", 3, FEATURES, ("no", "yes"), "departure")
    offsets = [(writer.append(**call), writer.segment)[::-1] for call in calls]
    writer.close()
    return writer.folder, offsets


def everything(folder):
    return [record for path in sorted(folder.glob("*.log")) for record in reader.read(path)]


def assert_same(record, call):
    assert (record.arrived, record.rows, record.ids) == (call["arrived"], call["rows"], call["caller_ids"])
    assert record.refused == {FEATURES[key].name: rows for key, rows in call["refused"].items()}
    assert record.flags == tuple((row, FEATURES[key].name) for row, key in call["flags"])
    np.testing.assert_array_equal(record.values, call["values"])
    for got, sent in zip(record.columns, call["columns"], strict=True):
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got, sent)


@given(calls=st.lists(appended(), max_size=5), limit=st.integers(1, 2000))
@settings(max_examples=60, deadline=None)
def test_whatever_is_appended_comes_back_from_the_place_that_was_said(tmp_path_factory, calls, limit):
    folder, offsets = written(tmp_path_factory.mktemp("logs"), calls, segment_bytes=limit)
    records = everything(folder)
    for record, call in zip(records, calls, strict=True):
        assert_same(record, call)
    again = [next(reader.read(folder / f"{segment:08d}.log", offset)) for segment, offset in offsets]
    assert [(record.start, record.arrived) for record in again] == [(r.start, r.arrived) for r in records]


@given(calls=st.lists(appended(), max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_frame_holds_what_its_records_hold(tmp_path_factory, calls):
    """Also where some records have their numbers side by side and others have not."""
    folder, _ = written(tmp_path_factory.mktemp("logs"), calls)
    path = folder / "00000000.log"
    records = list(reader.read(path))
    whole = frame(reader.header(path), records)
    for number, column in enumerate(whole.columns):
        parts = [record.columns[number] for record in records]
        expected = np.concatenate([np.empty(0, column.dtype), *parts])
        assert column.dtype == expected.dtype
        np.testing.assert_array_equal(column, expected)


def test_records_of_any_length_are_read_whole_or_not_at_all(tmp_path):
    """Also those that are longer than what is read at once."""
    calls = [call(1, 3), call(2, 200_000), call(3), call(4, 90_000)]
    folder, _ = written(tmp_path, calls)
    path = folder / "00000000.log"
    for record, sent in zip(reader.read(path), calls, strict=True):
        assert_same(record, sent)
    os.truncate(path, path.stat().st_size - 1)
    assert [record.arrived for record in reader.read(path)] == [1, 2, 3]


def test_what_an_earlier_version_logged_is_read(tmp_path):
    """Version 1 had a column a feature, and no array of numbers."""
    folder, _ = written(tmp_path, [call()])
    path = folder / "00000000.log"
    expected = call()
    path.write_bytes(as_version_1(reader.header(path), expected))
    [record] = reader.read(path)
    assert_same(record, expected)


def as_version_1(header, call):
    """A segment of one record."""
    body = msgspec.json.encode(header)
    before = struct.pack("<4sHI", b"SWLG", 1, len(body))
    segment = before + struct.pack("<II", zlib.crc32(before), zlib.crc32(body)) + body
    columns = [column.tolist() if column.dtype == object else column.tobytes() for column in call["columns"]]
    values = [call["arrived"], call["rows"], columns, call["values"].tobytes(), call["caller_ids"], [], {}]
    payload = msgspec.msgpack.encode(values)
    sums = zlib.crc32(b"%d@%d" % (len(payload), len(segment))), zlib.crc32(payload)
    return segment + struct.pack("<III", len(payload), *sums) + payload


@given(calls=st.lists(appended(), max_size=4), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_reads_as_its_first_records(tmp_path_factory, calls, data):
    folder, _ = written(tmp_path_factory.mktemp("logs"), calls)
    path = folder / "00000000.log"
    whole = list(reader.read(path))
    size = data.draw(st.integers(0, path.stat().st_size))
    os.truncate(path, size)
    kept = list(reader.read(path))
    assert [record.start for record in kept] == [record.start for record in whole if record.end <= size]


@given(calls=st.lists(appended(), min_size=1, max_size=4), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_byte_is_never_read_as_if_it_had_been_written(tmp_path_factory, calls, data):
    folder, _ = written(tmp_path_factory.mktemp("logs"), calls)
    path = folder / "00000000.log"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(Tampered, match=r"00000000\.log"):
        list(reader.read(path))


def test_zeros_after_a_power_loss_are_a_torn_tail(tmp_path):
    folder, _ = written(tmp_path, [call(), call()])
    path = folder / "00000000.log"
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert len(list(reader.read(path))) == 2


def test_reading_goes_on_where_it_stopped(tmp_path):
    writer = LogWriter(tmp_path, "w0-1")
    writer.open("flights", 3, FEATURES, ("no", "yes"))
    path = writer.folder / "00000000.log"
    writer.append(**call(arrived=1))
    (first,) = reader.read(path)
    assert list(reader.read(path, first.end)) == []
    writer.append(**call(arrived=2))
    assert [record.arrived for record in reader.read(path, first.end)] == [2]
    writer.close()


def test_a_segment_is_finished_once_another_follows_or_its_writer_is_gone(tmp_path):
    writer = LogWriter(tmp_path, "w0-1", segment_bytes=1)
    writer.open("flights", 3, FEATURES, ("no", "yes"))
    writer.append(**call())
    assert [(s.number, s.finished) for s in reader.segments(tmp_path)] == [(0, True), (1, False)]
    writer.open("flights", 4, FEATURES, ("no", "yes"))
    assert [(s.number, s.finished) for s in reader.segments(tmp_path)] == [(0, True), (1, True), (2, False)]
    assert [reader.header(s.path).release for s in reader.segments(tmp_path)] == [3, 3, 4]
    writer.close()
    assert all(segment.finished for segment in reader.segments(tmp_path))


def test_a_recorded_source_leaves_nothing(tmp_path):
    folder, _ = written(tmp_path, [call()])
    for segment in reader.segments(tmp_path):
        reader.remove(segment)
    assert not folder.exists()


def test_rehearsals_are_never_offered_for_recording(tmp_path):
    writer = LogWriter(tmp_path, "rehearsal-w0-1")
    writer.open("flights", 0, FEATURES, ("no", "yes"))
    writer.append(**call())
    assert reader.segments(tmp_path) == []
    writer.close()


def test_a_source_is_never_used_twice(tmp_path):
    written(tmp_path, [])
    name = next(tmp_path.iterdir()).name
    with pytest.raises(InUse, match="earlier start"):
        LogWriter(tmp_path, name)


def test_a_reader_that_has_a_look_does_not_keep_a_writer_from_starting(tmp_path, monkeypatch):
    opening = os.open

    def watched(path, *rest, **named):
        file = opening(path, *rest, **named)
        if str(path).endswith(LOCK):
            looking = opening(path, os.O_RDONLY)  # as writer_lives does, between the lock's making and its taking
            fcntl.flock(looking, fcntl.LOCK_SH)
            threading.Timer(0.05, os.close, [looking]).start()
        return file

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", watched)
        writer = LogWriter(tmp_path, "w0-1")
    assert reader.writer_lives(writer.folder)
    writer.close()


def test_a_source_that_begins_while_it_is_looked_at_is_not_finished(tmp_path, monkeypatch):
    (tmp_path / "w0-1").mkdir()
    writers = []

    def looks(folder):
        lives = writer_lives(folder)
        if not writers:
            folder.rmdir()
            writers.append(LogWriter(tmp_path, "w0-1"))
            writers[0].open("flights", 3, FEATURES, ("no", "yes"))
        return lives

    monkeypatch.setattr(reader, "writer_lives", looks)
    assert [segment.finished for segment in reader.segments(tmp_path)] == [False]
    writers[0].close()


def test_a_full_disk_refuses_the_record_and_keeps_what_stood_before(tmp_path, monkeypatch):
    """The kernel takes half of a record, then says ENOSPC; there is room again later."""
    writer = LogWriter(tmp_path, "w0-1")
    writer.open("flights", 3, FEATURES, ("no", "yes"))
    writer.append(**call(arrived=1))
    write, room = os.write, iter([20])

    def short(file, content):
        left = next(room, None)
        if left is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[:left])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(OSError, match="No space left"):
            writer.append(**call(arrived=2))
    writer.append(**call(arrived=3))
    writer.close()
    assert [record.arrived for record in everything(writer.folder)] == [1, 3]


def test_an_id_finds_its_row_in_the_log(tmp_path):
    folder, [_, (segment, offset)] = written(tmp_path, [call(arrived=1), call(arrived=2, rows=2)])
    id_ = ids.PredictionId(3, folder.name, segment, offset, 1)
    assert reader.find(tmp_path, ids.parse(str(id_)))[1].arrived == 2
    for wrong in (id_.__class__(3, folder.name, segment, offset, 2), id_.__class__(4, folder.name, segment, offset, 0)):
        with pytest.raises(NotFound, match="was never made"):
            reader.find(tmp_path, wrong)
    with pytest.raises(NotFound, match="not in the logs"):
        reader.find(tmp_path, id_.__class__(3, "gone", 0, 0, 0))


@given(
    st.builds(
        ids.PredictionId,
        st.integers(0, 10**6),
        st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1), min_size=1, max_size=4).map("-".join),
        *[st.integers(0, 2**40)] * 3,
    )
)
def test_an_id_is_read_as_it_was_written(id_):
    assert ids.parse(str(id_)) == id_


@pytest.mark.parametrize("text", ["", "3", "3-w0-1-2", "x-w0-1-2-3", "3-W0-1-2-3", "3-w0-1-2-3-", "3--1-2-3"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(NotFound, match="not a prediction id"):
        ids.parse(text)


def test_a_frame_joins_records_and_names_every_row(tmp_path):
    calls = [call(arrived=5, rows=2), call(arrived=6, rows=0, refused={1: 2}), call(arrived=7, rows=1, refused={1: 1})]
    calls[0]["flags"] = [(1, 3)]
    calls[2]["caller_ids"] = ["mine"]
    folder, offsets = written(tmp_path, calls)
    path = folder / "00000000.log"
    joined = frame(reader.header(path), list(reader.read(path)))
    assert joined.rows == 3
    assert joined.prediction_ids.to_pylist() == [
        f"3-{folder.name}-0-{offset}-{row}"
        for offset, row in [(offsets[0][1], 0), (offsets[0][1], 1), (offsets[2][1], 0)]
    ]
    assert joined.ids.to_pylist() == [None, None, "mine"]
    assert joined.arrived.tolist() == [5, 5, 7]
    assert joined.event_time.tolist() == [100, 101, 100]  # the departure
    assert joined.columns[3].tolist() == ["UA", "UA", "UA"]
    assert joined.values.shape == (3, 2)
    assert joined.flags == [(1, "carrier")]
    assert joined.refused == {"stops": 3}
    assert joined.end == path.stat().st_size


def test_a_frame_of_nothing_has_the_columns_types(tmp_path):
    folder, _ = written(tmp_path, [])
    joined = frame(reader.header(folder / "00000000.log"), [])
    assert [column.dtype for column in joined.columns] == [float, np.int64, bool, object, np.int64]
    assert joined.values.shape == (0, 2)


def call(arrived=1, rows=1, refused=None):
    return {
        "arrived": arrived,
        "rows": rows,
        "columns": [
            np.full(rows, 700.0),
            np.full(rows, 1),
            np.full(rows, True),
            np.full(rows, "UA", object),
            100 + np.arange(rows),
        ],
        "values": np.full((rows, 2), 0.5),
        "caller_ids": None,
        "flags": [],
        "refused": refused or {},
    }


def test_durability_disk_has_each_record_on_the_disk_before_it_is_answered(tmp_path, monkeypatch):
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (sync(file), synced.append(os.fstat(file).st_size)))
    writer = LogWriter(tmp_path, "w0-1", durability="disk")
    writer.open("flights", 3, FEATURES, ("no", "yes"))
    sizes = []
    for _ in range(3):
        writer.append(**call())
        sizes.append(writer.offset)
    assert synced[1:] == sizes  # the first was the header
    writer.durability = "process"
    writer.append(**call())
    assert len(synced) == 4
    writer.close()


def test_what_may_have_been_read_is_not_written_over(tmp_path, monkeypatch):
    """The record is in the file, the sync fails: its place, and so its ids, are not used again."""
    writer = LogWriter(tmp_path, "w0-1", durability="disk")
    writer.open("flights", 3, FEATURES, ("no", "yes"))

    def failing(_file):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(OSError, match="Input/output"):
            writer.append(**call(arrived=1))
    writer.append(**call(arrived=2))
    assert writer.segment == 1
    writer.close()
    assert [record.arrived for record in everything(writer.folder)] == [1, 2]
