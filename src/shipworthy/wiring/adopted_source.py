"""Where a model that is adopted comes from: a file, or a version in an MLflow registry."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from shipworthy.contract.sample import read_sample
from shipworthy.errors import WrongUse
from shipworthy.models.adopting import Given
from shipworthy.models.formats import format_of
from shipworthy.wiring.adopted_model import Source, own_modules

REGISTRY = "models:/"


def source_of(model: str, folder: Path, work: Path, tracking_uri: str | None) -> Source:
    """A model by its name. NotFound, WrongUse; from a registry it is brought into `work`."""
    if model.startswith(REGISTRY):
        from shipworthy.wiring.mlflow_registry import fetch  # noqa: PLC0415 - an extra, and slow to import

        return fetch(model, folder, work, tracking_uri)
    file = Path(model)
    return Source(Given(file, format_of(file), own_modules(folder, file.parent), folder), file.stem, None, None, ())


def sample_of(source: Source, sample: Path | None) -> pa.Table:
    """The rows that were given, else those that came with the model. WrongUse where there are none."""
    if sample is not None:
        return read_sample(sample)
    if source.sample is None:
        raise WrongUse("--sample is missing: expected a Parquet or CSV file with rows that this model is asked about")
    return source.sample
