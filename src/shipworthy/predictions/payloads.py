"""Columns of many records: bytes of all of them joined, and one array made of them.

An array a record and column would cost ten times what all else does that is done with a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from typing import cast

import numpy as np

from shipworthy.models.records import NUMERIC, Column, Columns
from shipworthy.predictions.format import Header, LoggedFeature, Payload, apart, dtype


def columns(header: Header, payloads: Sequence[Payload]) -> Columns:
    """One (rows,) array a feature, in the order of the header's features, of records that have rows."""
    if not payloads:
        return [np.empty(0, dtype(feature)) for feature in header.features]
    # A worker's records are all of one kind, unless its segment was written by several ways of asking.
    parts = [_alike(header, list(alike)) for _, alike in groupby(payloads, lambda payload: bool(payload.numbers))]
    return parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]


def _alike(header: Header, payloads: Sequence[Payload]) -> Columns:
    if not payloads[0].numbers:
        return _each(header.features, payloads)
    numeric = [feature.name for feature in header.features if feature.type in NUMERIC]
    table = np.frombuffer(b"".join([payload.numbers for payload in payloads]), "<f8").reshape(-1, len(numeric))
    found: dict[str, Column] = dict(zip(numeric, np.ascontiguousarray(table.T), strict=True))
    own = [feature for feature in header.features if apart(feature)]
    found |= zip([feature.name for feature in own], _each(own, payloads), strict=True)
    return [found[feature.name] for feature in header.features]


def _each(features: Sequence[LoggedFeature], payloads: Sequence[Payload]) -> list[Column]:
    """Columns that stand apart, of these features."""
    if not features:
        return []
    parts = zip(*(payload.columns for payload in payloads), strict=True)
    return [_joined(feature, part) for feature, part in zip(features, parts, strict=True)]


def _joined(feature: LoggedFeature, part: tuple[bytes | list[str | None], ...]) -> Column:
    type_ = dtype(feature)
    if type_.hasobject:
        return np.array(list(chain.from_iterable(cast("tuple[list[str | None], ...]", part))), object)
    return np.frombuffer(b"".join(cast("tuple[bytes, ...]", part)), type_)
