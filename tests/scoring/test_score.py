"""Scoring tables: every row once, in OUT or among the refused, and logged like any other prediction."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from scoring.jobs import DESCRIPTION, START, late, logs, rows, scorer, silent

from shipworthy import clock
from shipworthy.errors import DataViolation, InUse, NotFound, WrongUse
from shipworthy.models.columns import from_arrow
from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.scoring.rows import Rows
from shipworthy.scoring.score import score_rows
from shipworthy.scoring.staging import Staging


def _logged(folder: Path) -> list[str]:
    return [id_ for segment in reader.segments(logs(folder)) for id_ in _frame(segment.path).prediction_ids.to_pylist()]


def _frame(path: Path):
    header = reader.header(path)
    assert header is not None
    return frame(header, list(reader.read(path)))


def test_every_row_is_scored_and_logged_with_the_id_that_out_names(tmp_path: Path) -> None:
    table = rows(1_000)
    pq.write_table(table, tmp_path / "in.parquet")
    said: list[float | None] = []
    scored = score_rows(
        scorer(),
        str(tmp_path / "in.parquet"),
        str(tmp_path / "out"),
        logs(tmp_path),
        lambda _, share: said.append(share),
        chunk=300,
    )
    assert (scored.rows, scored.refused, scored.refused_table, scored.release) == (1_000, 0, None, 3)
    out = pl.read_delta(str(tmp_path / "out")).sort("at")
    assert out["booking"].to_list() == table["booking"].to_pylist()
    expected = late(from_arrow(table, DESCRIPTION.features))
    assert np.array_equal(np.array(out["probabilities"].to_list()), expected)
    assert out["score"].to_list() == expected[:, 1].tolist()
    assert out["prediction"].to_list() == [str(one) for one in expected.argmax(axis=1)]
    assert set(out["release"]) == {3}
    assert sorted(_logged(tmp_path)) == sorted(out["prediction_id"])
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_what_is_logged_is_what_was_asked(tmp_path: Path) -> None:
    pq.write_table(rows(10, wind=[-1.0] * 5 + [None] * 5, seats=[0] * 5 + [7] * 5), tmp_path / "in.parquet")
    score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)
    (segment,) = reader.segments(logs(tmp_path))
    assert segment.finished
    whole = _frame(segment.path)
    assert whole.ids.to_pylist() == [f"b{number}" for number in range(10)]  # the column that labels come back by
    assert whole.columns[3].tolist() == [100] * 5 + [7] * 5  # the default, as the model was given it
    assert whole.columns[2][:5].tolist() == [-1.0] * 5  # flagged, and passed on as it is
    assert sorted(whole.flags) == [(row, name) for row in range(5) for name in ("seats", "wind")]
    assert whole.event_time.tolist() == [START + number * clock.SECOND for number in range(10)]


def test_refused_rows_are_left_out_with_the_reason(tmp_path: Path) -> None:
    carrier, distance = ["AA", "XX", None, "UA"], [1.0, 2.0, 3.0, 9_000.0]
    pq.write_table(rows(4, carrier=carrier, distance=distance), tmp_path / "in.parquet")
    scored = score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)
    assert (scored.rows, scored.refused) == (1, 3)
    assert pl.read_delta(str(tmp_path / "out"))["booking"].to_list() == ["b0"]
    assert scored.refused_table == str(tmp_path / "out.refused")
    refused = pl.read_delta(scored.refused_table).sort("booking")
    assert refused["booking"].to_list() == ["b1", "b2", "b3"]
    assert refused["reason"][0].startswith("carrier: unknown category")
    assert refused["reason"][1].startswith("carrier: null")
    assert refused["reason"][2].startswith("distance: out of range, expected 0 to 6000")
    (segment,) = reader.segments(logs(tmp_path))
    assert _frame(segment.path).refused == {"carrier": 2, "distance": 1}


def test_a_chunk_of_which_every_row_is_refused_is_done_too(tmp_path: Path) -> None:
    pq.write_table(rows(20, distance=[1.0] * 10 + [-1.0] * 10), tmp_path / "in.parquet")
    for _ in range(2):
        scored = score_rows(
            scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent, chunk=10
        )
        assert (scored.rows, scored.refused) == (10, 10)
    assert len(pl.read_delta(str(tmp_path / "out.refused"))) == 10


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rows(4).drop_columns(["distance"]), "distance: the column is missing"),
        (rows(4, distance=["a", "b", "c", "d"]), "distance: 4 rows wrong type"),
    ],
)
def test_a_table_that_cannot_be_scored_at_all_is_refused_before_anything_is_written(
    tmp_path: Path, table: pa.Table, said: str
) -> None:
    pq.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(DataViolation, match=said):
        score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)
    assert not (tmp_path / "out").exists()
    assert reader.segments(logs(tmp_path)) == []


def test_columns_that_scoring_adds_are_not_overwritten(tmp_path: Path) -> None:
    pq.write_table(rows(2, prediction=["x", "y"]), tmp_path / "in.parquet")
    with pytest.raises(WrongUse, match="columns that scoring adds: prediction"):
        score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)


def test_a_source_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        score_rows(scorer(), str(tmp_path / "nowhere"), str(tmp_path / "out"), logs(tmp_path), silent)


def test_the_same_job_again_does_nothing_and_another_release_is_another_job(tmp_path: Path) -> None:
    pq.write_table(rows(100), tmp_path / "in.parquet")
    first, again, other = (
        score_rows(
            scorer(release), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent, chunk=30
        )
        for release in (3, 3, 4)
    )
    assert first == again
    assert other.job != first.job
    out = pl.read_delta(str(tmp_path / "out"))
    assert sorted(out.group_by("job").len()["len"]) == [100, 100]
    assert out["prediction_id"].is_unique().all()


def test_a_regression_has_no_probabilities(tmp_path: Path) -> None:

    pq.write_table(rows(5), tmp_path / "in.parquet")
    description = msgspec.structs.replace(DESCRIPTION, task="regression", classes=())
    regression = scorer(description=description, answer=lambda columns: columns[1].reshape(-1, 1) / 2)
    score_rows(regression, str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)
    out = pl.read_delta(str(tmp_path / "out")).sort("at")
    assert out["prediction"].to_list() == out["score"].to_list() == [0.0, 750.0, 1500.0, 2250.0, 3000.0]
    assert "probabilities" not in out.columns


def test_a_job_under_way_is_not_started_twice(tmp_path: Path) -> None:
    pq.write_table(rows(5), tmp_path / "in.parquet")
    job = score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent).job
    with Staging(logs(tmp_path), job).held(), pytest.raises(InUse, match=job):
        score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)


def test_a_delta_table_is_read_with_its_partitions_and_later_columns(tmp_path: Path) -> None:
    location = str(tmp_path / "in")
    write_deltalake(location, rows(10, day=["mo"] * 5 + ["tu"] * 5), partition_by=["day"])
    write_deltalake(location, rows(4, day=["we"] * 4, gate=["g"] * 4), mode="append", schema_mode="merge")
    score_rows(scorer(), location, str(tmp_path / "out"), logs(tmp_path), silent, chunk=3)
    out = pl.read_delta(str(tmp_path / "out"))
    assert sorted(out["day"]) == ["mo"] * 5 + ["tu"] * 5 + ["we"] * 4
    assert out["gate"].null_count() == 10


@pytest.mark.parametrize("skipped", [0, 1, 3, 4])
def test_chunks_are_the_same_wherever_reading_starts(tmp_path: Path, skipped: int) -> None:
    for number, count in enumerate([7, 0, 40_000, 3]):
        pq.write_table(rows(count), tmp_path / f"{number}.parquet", row_group_size=9_999)
    source = Rows(str(tmp_path))
    everything = list(source.chunks(9_000))
    assert source.count == 40_010
    assert [chunk.num_rows for chunk in everything] == [9_000] * 4 + [4_010]
    rest = list(source.chunks(9_000, skipped))
    assert [chunk.equals(other) for chunk, other in zip(rest, everything[skipped:], strict=True)] == [True] * len(rest)


def test_another_version_of_a_table_is_another_job(tmp_path: Path) -> None:
    location = str(tmp_path / "in")
    write_deltalake(location, rows(3))
    before = Rows(location).identity
    assert Rows(location).identity == before
    write_deltalake(location, rows(3), mode="append")
    assert Rows(location).identity != before


def test_types_that_delta_lacks_are_taken(tmp_path: Path) -> None:
    table = rows(
        4, carrier=pa.array(["AA", "UA", "AA", "UA"]).dictionary_encode(), seats=pa.array([1, 2, 3, 4], pa.uint8())
    )
    pq.write_table(table.append_column("note", pa.nulls(4)), tmp_path / "in.parquet")
    scored = score_rows(scorer(), str(tmp_path / "in.parquet"), str(tmp_path / "out"), logs(tmp_path), silent)
    assert scored.rows == 4
