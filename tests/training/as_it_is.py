"""A trained model packaged as it is: for tests of what comes before and after packaging."""

from __future__ import annotations

from shipworthy.models.bundle import write_description
from shipworthy.models.records import BundleDescription, RuntimeVerdict
from shipworthy.training.making import target_source
from shipworthy.training.trainer import Trained


def described(trained: Trained) -> None:
    """Nothing but the library's own call."""
    own = RuntimeVerdict("python", "", True, 1, 0.0, None, None, "")
    write_description(
        trained.bundle,
        BundleDescription(
            version=1,
            model=trained.contract.name,
            task=trained.contract.model.task,
            features=trained.features,
            classes=trained.outcome.classes,
            target=str(target_source(trained.contract).target),
            family=trained.outcome.family,
            runtimes=(own,),
            online="python",
            batch="python",
            table=trained.outcome.table,
        ),
    )
