"""A chunk held to the contract: the rows that are answered, those that are refused, and why. Pure.

As the server does it: a row with a violation that the contract does not tolerate is refused, one that is flagged is
answered as it is, and one that has a default is answered with that.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract.faults import check
from shipworthy.contract.records import Contract, Feature
from shipworthy.contract.tolerance import tolerates
from shipworthy.contract.violations import with_defaults


@dataclass(frozen=True, slots=True)
class Checked:
    """n rows after the check."""

    answered: pa.Table  # the rows that are answered, defaults put in
    kept: NDArray[np.bool_]  # (n,) which those are
    flags: list[tuple[int, int]]  # (row of `answered`, feature's index) of violations that were let through
    refused: dict[int, int]  # feature's index -> rows refused for it
    reasons: list[str]  # why, one a refused row, in their order


def checked(contract: Contract, features: tuple[Feature, ...], chunk: pa.Table) -> Checked:
    """Check a chunk against the features as a release has them, with the categories that it has seen."""
    kept = np.ones(chunk.num_rows, bool)
    flagged: list[tuple[int, NDArray[np.bool_]]] = []
    refusing: list[tuple[int, NDArray[np.bool_], str]] = []
    for index, feature in enumerate(features):
        for fault in check(feature, chunk[feature.name]).faults:
            mask = np.asarray(fault.mask)
            if tolerates(feature, fault.kind):
                flagged.append((index, mask))
            else:
                kept &= ~mask
                refusing.append((index, mask, f"{feature.name}: {fault.kind}, expected {fault.expected}"))
    position = np.cumsum(kept) - 1
    return Checked(
        answered=with_defaults(msgspec.structs.replace(contract, features=features), chunk.filter(pa.array(kept))),
        kept=kept,
        flags=[(int(position[row]), index) for index, mask in flagged for row in np.flatnonzero(mask & kept)],
        refused=_by_feature(refusing),
        reasons=_reasons(refusing, kept),
    )


def _by_feature(refusing: list[tuple[int, NDArray[np.bool_], str]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for index, mask, _ in refusing:
        found[index] = found.get(index, 0) + int(mask.sum())
    return found


def _reasons(refusing: list[tuple[int, NDArray[np.bool_], str]], kept: NDArray[np.bool_]) -> list[str]:
    said: dict[int, list[str]] = {int(row): [] for row in np.flatnonzero(~kept)}
    for _, mask, why in refusing:
        for row in np.flatnonzero(mask):
            said[int(row)].append(why)
    return ["; ".join(reasons) for reasons in said.values()]
