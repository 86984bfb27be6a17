"""A release as a CycloneDX bill: what is in it, and that its schema holds."""

import json

import msgspec
import pytest

from shipworthy.errors import Undecided
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.models.records import BundleDescription
from shipworthy.registry.bill import Material, bill
from shipworthy.registry.records import Release

pytestmark = pytest.mark.needs("cyclonedx")
SHA = "ab" * 32


@pytest.fixture
def material(make_release, ledger, objects):
    release = make_release().decode(Release)
    run = ledger.get(release.run).decode(Run)
    environment = msgspec.structs.replace(run.environment, distributions={"scikit_learn": "1.8.0", "numpy": "2.4.0"})
    description = next(file.digest for file in release.files if file.path == "bundle.json")
    return Material(
        release,
        msgspec.structs.replace(run, environment=environment),
        msgspec.json.decode(objects.get(description), type=BundleDescription),
        {"scikit-learn": (SHA,)},
        ledger.get(release.rebuild).decode(Rebuild),
    )


def test_model_data_code_and_distributions_stand_in_it_by_their_digests(material):
    written = json.loads(bill(material))
    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    model = written["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "flight-delay", "1")
    assert model["hashes"] == [{"alg": "SHA-256", "content": material.run.model_digest}]
    told = {each["name"]: each["value"] for each in model["properties"]}
    assert (told["shipworthy:rung"], told["shipworthy:check:quality"]) == ("bit-identical", "passed")
    parts = {part["name"]: part for part in written["components"]}
    assert set(parts) == {"flights", "scikit_learn", "numpy"}
    assert parts["flights"]["hashes"][0]["content"] == material.run.data[0].digest
    assert parts["flights"]["data"][0]["contents"]["url"] == "delta:data/flights"
    assert parts["scikit_learn"]["externalReferences"][0]["hashes"][0]["content"] == SHA
    card = model["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": parts["flights"]["bom-ref"]}]
    assert {"type": "auc", "value": "0.7"} in card["quantitativeAnalysis"]["performanceMetrics"]
    (dependencies,) = [each for each in written["dependencies"] if each["ref"] == model["bom-ref"]]
    assert set(dependencies["dependsOn"]) == {part["bom-ref"] for part in parts.values()}


def test_the_same_release_gives_the_same_bytes(material):
    assert bill(material) == bill(material)


def test_what_does_not_hold_to_the_schema_is_not_written(material):
    wrong = msgspec.structs.replace(material.run, model_digest="no digest")
    with pytest.raises(Undecided, match=r"does not hold to CycloneDX 1\.6"):
        bill(Material(material.release, wrong, material.description, material.hashes, material.rebuild))
