"""A release as a CycloneDX bill of materials for machine learning (ML-BOM), schema 1.6: https://cyclonedx.org/docs/1.6/json.

cyclonedx-python-lib writes components, hashes and dependencies. Model card and data sets, which it has no classes for
yet, are put into what it wrote, and the whole is held against the schema that it brings along.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from shipworthy import clock
from shipworthy.errors import Undecided, WrongUse
from shipworthy.lineage.records import DataPin, Rebuild, Run
from shipworthy.models.records import BundleDescription
from shipworthy.registry.records import Release

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

NAMESPACE = uuid.UUID("8c9bb4fb-6ce5-5b0b-8f5f-4d9c3f4c1a52")  # serial numbers of bills are UUIDs of releases in it


@dataclass(frozen=True, slots=True)
class Material:
    """What a bill is written from."""

    release: Release
    run: Run
    description: BundleDescription
    hashes: Mapping[str, Sequence[str]]  # distribution, normalised -> SHA-256 of the files that its lock allows
    rebuild: Rebuild | None


def bill(material: Material) -> bytes:
    """The bill as JSON. The same release gives the same bytes.

    WrongUse where the extra is not installed; Undecided where what was written does not hold to the schema.
    """
    try:
        from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415 - an extra
    except ImportError:
        raise WrongUse("a bill of materials takes CycloneDX's library: pip install 'shipworthy[cyclonedx]'") from None
    written: dict[str, Any] = msgspec.json.decode(JsonV1Dot6(_bom(material)).output_as_string())
    written["metadata"]["component"]["modelCard"] = _card(material)
    for component in written["components"]:
        if component["type"] == "data":
            pin = next(pin for pin in material.run.data if _ref(pin) == component["bom-ref"])
            component["data"] = [_data(pin)]
    content = msgspec.json.format(msgspec.json.encode(written, order="deterministic"), indent=2)
    _validate(content)
    return content


def _bom(material: Material) -> Bom:
    from cyclonedx.model.bom import Bom  # noqa: PLC0415

    release, run = material.release, material.run
    model = _model(material)
    parts = [*_code(run), *(_dataset(pin) for pin in run.data), *_distributions(material)]
    bom = Bom(components=parts, serial_number=uuid.uuid5(NAMESPACE, release.statement))
    bom.metadata.timestamp = clock.to_datetime(release.at - release.at % clock.SECOND)
    bom.metadata.component = model
    bom.register_dependency(model, parts)
    return bom


def _model(material: Material) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.model.contact import OrganizationalContact  # noqa: PLC0415

    release, run = material.release, material.run
    told = {
        "run": release.run,
        "rebuild": release.rebuild or "none",
        "rung": "none" if material.rebuild is None else material.rebuild.rung,
        "proven": str(release.proven).lower(),
        "key": release.key,
        "provenance": release.statement,
        "contract": release.contract,
        "canonical_digest": run.canonical_digest or "none",
        "prediction_digest": run.prediction_digest,
        **{f"file:{file.path}": file.digest for file in release.files},
        **{f"check:{verdict.check}": verdict.outcome for verdict in release.verdicts},
    }
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=release.model,
        version=str(release.number),
        bom_ref=f"model:{release.model}@{release.number}",
        description=run.contract.purpose.decision,
        authors=[OrganizationalContact(name=run.contract.purpose.owner)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=run.model_digest)],
        properties=[Property(name=f"shipworthy:{name}", value=value) for name, value in told.items()],
    )


def _code(run: Run) -> list[Component]:
    """The snapshot of the project; none for a model whose training nobody attached."""
    from cyclonedx.model import Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    if not run.code.files:
        return []
    told = {"tree": run.code.digest, "dirty": str(run.code.dirty).lower(), "train": run.contract.model.train}
    return [
        Component(
            type=ComponentType.APPLICATION,
            name=f"{run.model}-training",
            version=run.code.commit or run.code.digest,
            bom_ref=f"code:{run.code.digest}",
            properties=[Property(name=f"shipworthy:{name}", value=value) for name, value in told.items()],
        )
    ]


def _dataset(pin: DataPin) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    version = pin.commit or (None if pin.version is None else str(pin.version))
    return Component(
        type=ComponentType.DATA,
        name=pin.name,
        version=version,
        bom_ref=_ref(pin),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=pin.digest)],
    )


def _distributions(material: Material) -> list[Component]:
    from cyclonedx.model import (  # noqa: PLC0415
        ExternalReference,
        ExternalReferenceType,
        HashAlgorithm,
        HashType,
        XsUri,
    )
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    found = []
    for name, version in sorted(material.run.environment.distributions.items()):
        purl = PackageURL("pypi", name=name, version=version)
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in material.hashes.get(_normal(name), ())]
        files = ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(purl.to_string()),
            hashes=hashes,
            comment="the files that the lock allows",
        )
        found.append(
            Component(
                type=ComponentType.LIBRARY,
                name=name,
                version=version,
                purl=purl,
                bom_ref=purl.to_string(),
                external_references=[files] if hashes else [],
            )
        )
    return found


def _card(material: Material) -> dict[str, Any]:
    """The model card: what it is, what it was made from, how good it is, and whom it is for."""
    run, contract = material.run, material.run.contract
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": contract.model.task,
            "modelArchitecture": material.description.family,
            "datasets": [{"ref": _ref(pin)} for pin in run.data],
            "inputs": [{"format": f"{feature.name}: {feature.type}"} for feature in contract.features],
            "outputs": [{"format": f"{material.description.target}: {_output(material.description)}"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(material)},
        "considerations": {
            "useCases": [contract.purpose.decision],
            "technicalLimitations": [
                f"{verdict.check} {verdict.outcome}: {verdict.reason}"
                for verdict in material.release.verdicts
                if verdict.outcome != "passed"
            ],
        },
        "properties": [
            {"name": f"shipworthy:parameter:{name}", "value": str(value)} for name, value in run.parameters.items()
        ]
        + [{"name": "shipworthy:seed", "value": str(run.seed)}],
    }


def _metrics(material: Material) -> list[dict[str, str]]:
    """What the training reported, and what the gate measured on the rows held out."""
    told = [{"type": name, "value": f"{value:.10g}"} for name, value in material.run.metrics.items()]
    for verdict in material.release.verdicts:
        told += [
            {"type": f"{verdict.check}.{name}", "value": f"{value:.10g}", "slice": "measured by the gate"}
            for name, value in verdict.figures.items()
            if isinstance(value, float | int) and verdict.check in ("quality", "latency")
        ]
    return told


def _data(pin: DataPin) -> dict[str, Any]:
    told = {
        "content_digest": pin.content_digest,
        "rows": str(pin.rows),
        **({} if pin.cut is None else {"history_rows": str(pin.cut.history_rows)}),
        **({} if pin.cut is None else {"holdout_rows": str(pin.cut.holdout_rows)}),
    }
    return {
        "type": "dataset",
        "name": pin.name,
        "contents": {
            "url": f"{pin.kind}:{pin.location}".replace(" ", "%20"),
            "properties": [{"name": f"shipworthy:{name}", "value": value} for name, value in told.items()],
        },
        "description": ", ".join(f"{name}: {kind}" for name, kind in pin.columns.items()),
    }


def _output(description: BundleDescription) -> str:
    return f"probabilities of {', '.join(map(str, description.classes))}" if description.classes else "number"


def _ref(pin: DataPin) -> str:
    return f"data:{pin.name}:{pin.digest}"


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _validate(content: bytes) -> None:
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode())
    if error is not None:
        raise Undecided(f"the bill of materials does not hold to CycloneDX 1.6 and is not written: {error}")
