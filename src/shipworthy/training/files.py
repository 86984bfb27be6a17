"""`file:` sources: Parquet or CSV, a file or a folder of them, kept as objects when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from shipworthy import digest
from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.objects import File, Objects

READABLE = (".csv", ".csv.gz", ".parquet")


def keep(path: Path, objects: Objects) -> tuple[File, ...]:
    """Keep a file, or a folder's readable files; sorted by path. NotFound, WrongUse."""
    if path.is_file():
        return objects.put_tree(path.parent, [Path(path.name)])
    if not path.is_dir():
        raise NotFound(f"{path} does not exist; expected a {' or '.join(READABLE)} file, or a folder of them")
    found = inside(path)
    if not found:
        raise NotFound(f"{path} holds no {' or '.join(READABLE)} file")
    return objects.put_tree(path, [each.relative_to(path) for each in found])


def read(files: Sequence[File], objects: Objects) -> pa.Table:
    """The rows of kept files, in the order of their paths."""
    tables = [parsed(file.path, objects.get(file.digest)) for file in files]
    return joined(tables, "the files of one source")


def digest_of(files: Sequence[File]) -> str:
    """Identity of a source's files: their paths and bytes."""
    return digest.of_value(["files 1", [[file.path, file.digest] for file in files]])


def joined(tables: Sequence[pa.Table], what: str) -> pa.Table:
    """One table of several whose columns agree; a column that is all null in one takes the type of the others."""
    try:
        return pa.concat_tables(tables, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongUse(f"{what} do not have the same columns: {error}") from None


def inside(place: Path) -> list[Path]:
    """A file itself, or the files in a folder that are read; sorted by path, and none where nothing is there."""
    if place.is_file():
        return [place]
    found = (path for path in sorted(place.rglob("*")) if path.is_file())
    return [path for path in found if is_data(path.relative_to(place))]


def is_data(path: PurePath) -> bool:
    """Whether a file is read, by its path within the source's folder.

    Names with a leading dot or underscore are marks of the programs that wrote the folder.
    """
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not hidden and path.name.endswith(READABLE)


def parsed(name: str, content: bytes) -> pa.Table:
    """The rows of one file; its name says of which kind it is. WrongUse."""
    stream = pa.BufferReader(content)
    try:
        if name.endswith(".parquet"):
            return pq.ParquetFile(stream).read()
        if name.endswith(READABLE):
            source: Any = pa.CompressedInputStream(stream, "gzip") if name.endswith(".gz") else stream
            options = csv.ConvertOptions(strings_can_be_null=True)
            return csv.read_csv(source, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        raise WrongUse(f"{name} cannot be read: {error}") from None
    raise WrongUse(f"{name} is of no kind that can be read; expected {' or '.join(READABLE)}")
