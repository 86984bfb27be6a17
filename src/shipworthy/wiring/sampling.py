"""The sample that `init` studies: a file, a folder of files, or a Delta table."""

from __future__ import annotations

from pathlib import Path

from shipworthy.contract.sample import READABLE, ROWS, Sample, file_sample, location, read_sample
from shipworthy.errors import NotFound, WrongUse
from shipworthy.training import delta, files

_EXPORT = "export some of its rows to a Parquet file, begin with that, and name {kind}: as the source in the contract"


def sample_of(given: str, folder: Path) -> Sample:
    """What a user named, by its path or as a contract names a source, seen from the contract in `folder`.

    NotFound, WrongUse; Undecided where a place cannot be reached.
    """
    kind, colon, rest = given.partition(":")
    if colon and kind in ("sql", "dvc"):
        raise WrongUse(f"{kind}: is not read by init, only by training: {_EXPORT.format(kind=kind)}")
    if colon and kind == "delta":
        return _delta(rest, folder)
    path = Path(rest if colon and kind == "file" else given)
    if (path / "_delta_log").is_dir():
        return _delta(str(path), folder)
    return _folder(path, folder) if path.is_dir() else file_sample(path, folder)


def _delta(where: str, folder: Path) -> Sample:
    """A table in a folder or an object store. A pinned version is studied, and not pinned by the contract."""
    place, at, number = where.rpartition("@")
    place, version = (place, int(number)) if at and number.isascii() and number.isdigit() else (where, None)
    rows = delta.first_rows(place, version, ROWS)
    written = place if "://" in place else location(Path(place), folder)
    return Sample(Path(place.rstrip("/")).resolve().name, f"delta:{written}", rows)


def _folder(path: Path, folder: Path) -> Sample:
    inside = files.inside(path)
    if not inside:
        raise NotFound(f"{path} is no Delta table, and holds no {' or '.join(READABLE)} file")
    parts, rows = [], 0
    for each in inside:
        parts.append(read_sample(each))
        rows += parts[-1].num_rows
        if rows >= ROWS:
            break
    return Sample(path.resolve().name, f"file:{location(path, folder)}", files.joined(parts, f"the files of {path}"))
