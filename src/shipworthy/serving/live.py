"""A release as it stands in a worker's memory: its runtime, and how its requests are read and answered."""

from __future__ import annotations

from dataclasses import dataclass

from shipworthy.contract.records import Contract
from shipworthy.models.records import BundleDescription, Runtime
from shipworthy.serving.admission import Cost
from shipworthy.serving.native import Native
from shipworthy.serving.open_inference import OpenInference
from shipworthy.serving.rows import RowFormat

UNKNOWN = Cost()


@dataclass(frozen=True)
class Live:
    """Everything that changes with a swap."""

    model: str
    number: int  # 0 in a rehearsal
    contract: Contract
    description: BundleDescription
    runtime: Runtime
    native: Native
    open_inference: OpenInference
    format: RowFormat
    cost: Cost  # of model calls, as the warm-up found it


def live(
    number: int, contract: Contract, description: BundleDescription, runtime: Runtime, cost: Cost = UNKNOWN
) -> Live:
    """A loaded release, ready to answer."""
    rows = contract.serving.max_rows
    return Live(
        model=contract.name,
        number=number,
        contract=contract,
        description=description,
        runtime=runtime,
        native=Native(number, description, rows),
        open_inference=OpenInference(number, description, rows),
        format=RowFormat(description.features),
        cost=cost,
    )
