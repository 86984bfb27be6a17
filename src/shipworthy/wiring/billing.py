"""`export`: a release as a bill of materials."""

from __future__ import annotations

import msgspec

from shipworthy.environments.requirements import hashes
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.models.bundle import DESCRIPTION
from shipworthy.models.records import BundleDescription
from shipworthy.registry.bill import Material, bill
from shipworthy.registry.names import release_of
from shipworthy.registry.records import Release
from shipworthy.wiring.project import Project


def bill_of(project: Project, name: str) -> bytes:
    """The bill of the release that a name means, as JSON. NotFound, WrongUse."""
    release = release_of(project.ledger, name, model=project.contract.name).decode(Release)
    run = project.ledger.get(release.run).decode(Run)
    described = next(file.digest for file in release.files if file.path == DESCRIPTION)
    return bill(
        Material(
            release=release,
            run=run,
            description=msgspec.json.decode(project.objects.get(described), type=BundleDescription),
            hashes=hashes(project.objects.get(run.environment.lock).decode()),
            rebuild=None if release.rebuild is None else project.ledger.get(release.rebuild).decode(Rebuild),
        )
    )
