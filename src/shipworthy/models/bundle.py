"""A bundle folder: opening it, and its description. `models.records` lists the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.records import BundleDescription, Columns

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
DESCRIPTION = "bundle.json"
MODEL = "model.pkl"
CODE = "code"  # modules of the project that model.pkl needs; a folder, where there are any
PROBES = "probes.parquet"
PROBE_ANSWERS = "probe_answers.npy"
HOLDOUT = "holdout.parquet"
HOLDOUT_ANSWERS = "holdout_answers.npy"


class _Versioned(msgspec.Struct, frozen=True):
    version: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model's folder, described."""

    folder: Path
    description: BundleDescription

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """The bundle in `folder`; NotFound where there is none, WrongUse where its description cannot be read."""
        return cls(folder, read_description(folder))

    def probes(self) -> Columns:
        """The frozen probe rows."""
        # Arrow is for tests and batches; a serving worker that never asks for probes starts without it.
        from shipworthy.models.columns import from_arrow  # noqa: PLC0415

        return from_arrow(read_table(self.folder / PROBES), self.description.features)

    def probe_answers(self) -> NDArray[np.float64]:
        """What the library's own call said to the probes, (n, k)."""
        return read_answers(self.folder / PROBE_ANSWERS)

    def holdout(self) -> pa.Table:
        """The labelled rows held out: features, target, time."""
        return read_table(self.folder / HOLDOUT)

    def holdout_answers(self) -> NDArray[np.float64]:
        """What the library's own call said to the rows held out, (n, k)."""
        return read_answers(self.folder / HOLDOUT_ANSWERS)


def read_description(folder: Path) -> BundleDescription:
    """bundle.json of a folder."""
    path = folder / DESCRIPTION
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{folder} is not a bundle: it has no {DESCRIPTION}") from None
    try:
        found = msgspec.json.decode(content, type=_Versioned).version
        if found != VERSION:
            raise WrongUse(
                f"{path} is of format {found}, this shipworthy reads format {VERSION}: use the release that wrote it, "
                "or a newer one"
            )
        return msgspec.json.decode(content, type=BundleDescription)
    except msgspec.DecodeError as error:
        raise WrongUse(f"{path} is not a bundle's description: {error}") from None


def write_description(folder: Path, description: BundleDescription) -> None:
    """Writes bundle.json; a reader sees the old one or the new one, never a part."""
    part = folder / f"{DESCRIPTION}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(description), indent=1))
    part.replace(folder / DESCRIPTION)


def read_table(path: Path) -> pa.Table:
    """A Parquet file of the bundle."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - see `Bundle.probes`

    if not path.is_file():
        raise NotFound(f"{path.parent} has no {path.name}")
    return pq.read_table(path)


def read_answers(path: Path) -> NDArray[np.float64]:
    """Answers of the bundle, (n, k)."""
    if not path.is_file():
        raise NotFound(f"{path.parent} has no {path.name}")
    found = np.load(path, allow_pickle=False)
    return np.asarray(found, dtype=np.float64).reshape(len(found), -1)
