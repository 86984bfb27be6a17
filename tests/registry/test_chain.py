"""What a copied release folder proves by itself, and each way in which it may not."""

import shutil
from dataclasses import replace

import msgspec
import pytest
from registry.conftest import CHECKS

from shipworthy import clock, digest
from shipworthy.errors import Refused, Tampered
from shipworthy.lineage.records import Run
from shipworthy.lineage.statement import PROVENANCE, VERIFICATION, read_statement
from shipworthy.registry import slsa
from shipworthy.registry.chain import prove
from shipworthy.registry.manifest import UNLISTED, Identity, manifest_statement
from shipworthy.registry.records import Release, Verdict
from shipworthy.registry.releases import Evidence
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import open_envelope, read_trusted, trusted_folder
from shipworthy.registry.verification import verify_release
from shipworthy.store.objects import File

AT = clock.from_iso("2026-03-01")


@pytest.fixture
def folder(make_release, releases, layout, trusted, tmp_path):
    """A release's folder, copied away from the state that it was made in."""
    make_release()
    return shutil.copytree(releases.materialise(layout, "flight-delay", 1, trusted).folder, tmp_path / "elsewhere")


@pytest.fixture
def sign_again(trusted, key):
    """What only the holder of the key can do: a manifest over the files as they are now."""

    def sign(folder, **changes):
        identity = verify_identity(folder, trusted, changes)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = [
            File(str(path.relative_to(folder)), digest.of_file(path), path.stat().st_size)
            for path in paths
            if path.name not in UNLISTED
        ]
        manifest = manifest_statement(identity, files)
        (folder / "manifest.json").write_bytes(manifest.encode())
        (folder / "manifest.dsse.json").write_bytes(key.sign(manifest))

    return sign


def verify_identity(folder, trusted, changes):
    payload = open_envelope((folder / "manifest.dsse.json").read_bytes(), trusted, "manifest").payload
    release = msgspec.json.decode(payload)["predicate"]["release"]

    return msgspec.structs.replace(msgspec.convert(release, type=Identity), **changes)


def altered(folder, name, trusted, key, change):
    """Signs a statement anew, with its predicate changed."""
    kind = PROVENANCE if name.startswith("provenance") else VERIFICATION
    statement = read_statement(open_envelope((folder / name).read_bytes(), trusted, name).payload, kind)
    change(statement.predicate)
    (folder / name).write_bytes(key.sign(statement))


def test_a_copied_folder_tells_what_was_proven_without_a_database(folder, trusted, key, layout):
    shutil.rmtree(layout.state)
    proof = prove(folder, trusted)
    assert (proof.model, proof.number, proof.proven, proof.owner) == ("flight-delay", 1, True, "ops@example.com")
    assert [(each.file, each.key) for each in proof.statements] == [
        ("manifest.dsse.json", key.id),
        ("provenance.dsse.json", key.id),
        ("rebuild.dsse.json", key.id),
        ("made/run.dsse.json", key.id),
        ("made/rebuild.dsse.json", key.id),
    ]
    assert (proof.rebuild.rung, proof.rebuild.run) == ("bit-identical", proof.run)
    assert [each.name for each in proof.inputs] == ["code", "environment", "flights"]
    assert {verdict.check for verdict in proof.verdicts} == set(CHECKS)


def test_an_altered_statement_an_altered_file_and_another_key_are_refused(folder, trusted, tmp_path):
    for name, told in (
        ("rebuild.dsse.json", r"rebuild\.dsse\.json was changed after"),
        ("provenance.dsse.json", r"provenance\.dsse\.json was changed after"),
        ("model.pkl", r"model\.pkl was changed after"),
    ):
        copy = shutil.copytree(folder, tmp_path / name)
        (copy / name).write_bytes((copy / name).read_bytes().replace(b"a", b"b", 1))
        with pytest.raises(Tampered, match=told):
            prove(copy, trusted)
    signing_key(tmp_path / "stranger")
    with pytest.raises(Refused, match="whom nobody here trusts"):
        prove(folder, read_trusted(trusted_folder(tmp_path / "stranger")))


def test_a_statement_of_another_release_is_told_even_where_the_manifest_was_signed_anew(
    folder, make_release, releases, layout, trusted, sign_again, tmp_path
):
    make_release(seed=14)
    other = releases.materialise(layout, "flight-delay", 2, trusted).folder
    for name, told in (
        ("provenance.dsse.json", "the release is flight-delay@2 .* there, and flight-delay@1"),
        ("rebuild.dsse.json", "was signed for something else: the provenance is"),
    ):
        copy = shutil.copytree(folder, tmp_path / name)
        shutil.copy(other / name, copy / name)
        sign_again(copy)
        verify_release(copy, trusted)  # every digest is as signed: only the statements tell
        with pytest.raises(Tampered, match=told):
            prove(copy, trusted)


def test_a_release_signed_as_proven_has_to_hold_what_proves_it(folder, trusted, key, sign_again, tmp_path):
    without = shutil.copytree(folder, tmp_path / "without")
    (without / "rebuild.dsse.json").unlink()
    sign_again(without)
    with pytest.raises(Tampered, match=r"do not bear it out: no rebuild\.dsse\.json"):
        prove(without, trusted)
    altered(folder, "rebuild.dsse.json", trusted, key, lambda said: said.update(verificationResult="FAILED"))
    sign_again(folder)
    with pytest.raises(Tampered, match="whether the rebuild reached what the contract asks for is False there"):
        prove(folder, trusted)


def test_an_unproven_release_verifies_as_what_it_is(releases, make_run, passed, key, layout, trusted):
    verdicts = (*passed[:2], Verdict("rebuild", "waived", "waived until 2026-04-01 by ann: no time"))
    releases.release(make_run(), Evidence(verdicts, CHECKS), key)
    proof = prove(releases.materialise(layout, "flight-delay", 1, trusted).folder, trusted)
    assert not proof.proven
    assert proof.rebuild is None
    assert "it was never made again from its record" in proof.unproven_because
    assert (proof.slsa.level, proof.slsa.requirements[-1].found) == (
        1,
        "it was never made again in an environment of its own",
    )


def test_a_release_from_the_future_is_remarked_upon_and_not_refused(folder, trusted, releases):
    at = releases.get("flight-delay", 1).at
    assert prove(folder, trusted, now=at).notes == ()
    (note,) = prove(folder, trusted, now=at - 2 * clock.HOUR).notes
    assert note == "it was released 2h ahead of this machine's clock: one of the two clocks is wrong"


def test_the_level_is_what_the_evidence_bears(folder, trusted, key):
    """The run of these tests had no sandbox on record; who holds the key is for the verifier to know."""
    assert prove(folder, trusted).slsa.level == 1
    proof = prove(folder, trusted, services=(key.id,))
    assert proof.slsa.level == 2
    assert [each.met for each in proof.slsa.requirements] == [True, True, True, False, False]
    assert "sandbox of the training: not recorded" in proof.slsa.requirements[3].found


KERNEL = "landlock abi 7, network namespace"
BEST = slsa.Build("flights:train", ("code", "flights"), (), "ab" * 32, True, KERNEL, "bit-identical", KERNEL)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, 3),
        ({"rung": "prediction-identical"}, 2),
        ({"rung": None}, 2),
        ({"sandbox": "audit hooks only"}, 2),
        ({"sandbox": "landlock abi 7, audit hooks for the network"}, 2),
        ({"rebuild_sandbox": ""}, 2),
        ({"service": False}, 1),
        ({"unpinned": ("flights",)}, 0),
        ({"recipe": ""}, 0),
        ({"inputs": ()}, 0),
    ],
)
def test_a_level_falls_with_the_first_requirement_that_nothing_bears_out(changes, level):

    assert slsa.reached(replace(BEST, **changes)).level == level


def test_what_was_released_is_in_the_statement_about_the_rebuild(make_release, objects, trusted, ledger):
    release = make_release().decode(Release)
    sha = next(file.digest for file in release.files if file.path == "rebuild.dsse.json")
    statement = read_statement(open_envelope(objects.get(sha), trusted, "it").payload, VERIFICATION)
    run = ledger.get(release.run).decode(Run)
    assert {each.name: each.digest["sha256"] for each in statement.subject} == {f.path: f.digest for f in run.files}
    assert statement.predicate["inputAttestations"][0]["digest"]["sha256"] == release.statement
    assert statement.predicate["verifiedLevels"] == ["SHIPWORTHY_BIT_IDENTICAL"]


def test_what_was_signed_at_training_has_to_tell_the_release_s_story(
    folder, make_release, releases, layout, trusted, key, sign_again, tmp_path
):
    make_release(seed=14)
    other = releases.materialise(layout, "flight-delay", 2, trusted).folder
    for name, says in (
        ("made/run.dsse.json", r"made/run\.dsse\.json was signed for something else: the run is run-"),
        ("made/rebuild.dsse.json", "was signed for something else: the id of the rebuild is rebuild-"),
    ):
        copy = shutil.copytree(folder, tmp_path / name.replace("/", "-"))
        shutil.copy(other / name, copy / name)
        sign_again(copy)
        with pytest.raises(Tampered, match=says):
            prove(copy, trusted)
    swapped = shutil.copytree(folder, tmp_path / "swapped")
    path = swapped / "made" / "run.dsse.json"
    said = read_statement(open_envelope(path.read_bytes(), trusted, "it").payload, PROVENANCE)
    said.predicate["buildDefinition"]["resolvedDependencies"][2]["digest"]["sha256"] = "0" * 64
    path.write_bytes(key.sign(said))
    sign_again(swapped)
    with pytest.raises(Tampered, match="the digest of flights is 0000"):
        prove(swapped, trusted)
