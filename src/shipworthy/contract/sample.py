"""`shipworthy init SAMPLE`: a commented contract from a sample of the data, and a first `train.py` where there is none.

What is written can be read without mistakes, and the sample keeps the ranges that it was proposed from. Nothing that
exists is overwritten.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from shipworthy.contract.proposal import proposal
from shipworthy.contract.reading import FILE
from shipworthy.contract.starter import Frame, starter
from shipworthy.contract.study import Study, study
from shipworthy.errors import NotFound, WrongUse

READABLE = (".csv", ".csv.gz", ".parquet")
ROWS = 1_000_000  # of a Parquet file that are studied

_RESERVED = ("parameters", "seed")


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to study, and where they came from."""

    name: str  # of the file or table, as in flights.parquet
    source: str  # as a contract writes it: "file:data/flights.parquet", "delta:rents"
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_project` has done."""

    files: tuple[Path, ...]  # written
    kept: tuple[Path, ...]  # they were there, and were left as they are
    said: tuple[str, ...]  # what it guessed or left out, and what to do next, a sentence each


def propose(sample: Path, *, target: str | None = None, name: str | None = None, folder: Path | None = None) -> str:
    """The text of a contract for a file (Parquet, CSV), as it would stand in `folder` (else the current one).

    NotFound, or WrongUse where it cannot be read or has nothing to predict.
    """
    found = file_sample(sample, folder or Path.cwd())
    return _text(study(found.rows, target), found, name)


def file_sample(path: Path, folder: Path) -> Sample:
    """A file's rows, as the contract of `folder` would name it. NotFound, WrongUse."""
    return Sample(path.name, f"file:{location(path, folder)}", read_sample(path))


def write_project(
    sample: Sample, folder: Path, *, target: str | None = None, name: str | None = None, frame: Frame = "pandas"
) -> Written:
    """Write `shipworthy.toml`, and `train.py` where there is none, into a folder.

    `frame` is the kind of table that `train.py` takes. WrongUse where there is a contract already.
    """
    contract, code = folder / FILE, folder / "train.py"
    refuse_existing(folder)
    studied = study(sample.rows, target)
    text = _text(studied, sample, name)
    folder.mkdir(parents=True, exist_ok=True)
    there = code.exists()
    if not there:
        _create(code, starter(studied, data=argument(sample.name), frame=frame))
    _create(contract, text)  # last: while it is missing, the command can simply be repeated
    return Written((contract, *(() if there else (code,))), (code,) if there else (), _said(studied))


def refuse_existing(folder: Path) -> None:
    """WrongUse where the folder has a contract."""
    contract = folder / FILE
    if contract.exists():
        raise WrongUse(f"{contract} is there already and is never overwritten; move it away to begin anew")


def read_sample(path: Path) -> pa.Table:
    """The rows of a Parquet file (the first ROWS of them) or of a CSV file. NotFound, WrongUse."""
    if not path.exists():
        raise NotFound(f"{path} does not exist; expected a Parquet or CSV file with rows to train on")
    if not path.is_file() or not path.name.endswith(READABLE):
        raise WrongUse(f"{path} is not a {', '.join(READABLE[:-1])} or {READABLE[-1]} file")
    try:
        if path.name.endswith(".parquet"):
            return _parquet(path)
        return csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    except (pa.ArrowException, OSError) as error:
        raise WrongUse(f"{path} cannot be read: {error}") from None


def argument(name: str) -> str:
    """The name of train's argument for a sample: its file's name as a Python name."""
    stem = re.sub(r"\W+", "_", name.partition(".")[0], flags=re.ASCII).strip("_").lower()
    if not stem or stem[0].isdigit() or keyword.iskeyword(stem) or stem in _RESERVED:
        stem = f"data_{stem}".rstrip("_")
    return stem


def _parquet(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        batches, rows = [], 0
        for batch in file.iter_batches():
            batches.append(batch)
            rows += batch.num_rows
            if rows >= ROWS:
                break
        return pa.Table.from_batches(batches, file.schema_arrow).slice(0, ROWS)


def location(path: Path, folder: Path) -> str:
    """Relative to the contract where it lies beside or below it, else absolute."""
    absolute, base = path.resolve(), folder.resolve()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else absolute.as_posix()


def _text(studied: Study, sample: Sample, name: str | None) -> str:
    model = name if name is not None else _model_name(sample.name)
    return proposal(studied, name=model, data=argument(sample.name), source=sample.source)


def _model_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name.partition(".")[0])[:100].strip("-") or "model"


def _create(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def _said(studied: Study) -> tuple[str, ...]:
    kind = f"a classification with {studied.classes} classes" if studied.classes else "a regression"
    why = f" ({studied.guessed}; another one: --target NAME)" if studied.guessed else ""
    said = [f"The target is {studied.target}{why}: {kind}."]
    said += [f"{column.name} is left out: it {column.seen}." for column in studied.columns if not column.feature]
    said += [
        f"{column.name} looks like dates and is read as texts: written as 2024-01-31 they would be times."
        for column in studied.columns
        if column.dates
    ]
    if studied.time:
        said.append(f"The newest rows by {studied.time} are held out to judge the model.")
    said.append("Write down in [purpose] what is decided on the answers, and who answers for it.")
    return tuple(said)
