"""A release is written with its evidence or not at all, never changes, and is what its signature says."""

import shutil
import subprocess
import sys
import threading

import msgspec
import pytest

from shipworthy.contract.records import Gate
from shipworthy.errors import NotFound, Refused, Tampered, Undecided
from shipworthy.lineage.records import Run
from shipworthy.lineage.statement import PROVENANCE, read_statement
from shipworthy.registry.records import Release, Verdict
from shipworthy.registry.releases import Evidence, Releases
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import open_envelope, read_trusted, trusted_folder
from shipworthy.registry.verification import verify_release
from shipworthy.store.ledger import Ledger

CHECKS = ("data", "quality", "rebuild")


@pytest.fixture
def folder(make_release, releases, layout, trusted):
    make_release()
    return releases.materialise(layout, "flight-delay", 1, trusted).folder


def test_a_release_that_was_just_made_verifies(folder, trusted, contract, key):
    verified = verify_release(folder, trusted)
    assert (verified.model, verified.number, verified.proven) == ("flight-delay", 1, True)
    assert verified.contract == contract
    assert verified.description.classes == (False, True)
    assert verified.key == key.id
    assert (folder / "runtimes" / "onnx" / "model.onnx").read_bytes() == b"onnx 13"


def test_one_altered_byte_in_any_file_is_told_naming_the_file(folder, trusted, tmp_path):
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        name = path.relative_to(folder)
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises(Tampered, match=path.name.replace(".", r"\.")):
            verify_release(copy, trusted)
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", ["model.pkl", "contract.json", "manifest.json"])
def test_a_missing_file_is_named(folder, trusted, name):
    (folder / name).unlink()
    with pytest.raises(Tampered, match=name):
        verify_release(folder, trusted)


def test_an_added_file_is_named(folder, trusted):
    (folder / "runtimes" / "sneaked.so").write_bytes(b"")
    with pytest.raises(Tampered, match=r"sneaked\.so was added"):
        verify_release(folder, trusted)


def test_a_file_that_became_a_link_is_refused(folder, trusted, tmp_path):
    (folder / "model.pkl").rename(tmp_path / "model.pkl")
    (folder / "model.pkl").symlink_to(tmp_path / "model.pkl")
    with pytest.raises(Tampered, match="is a link"):
        verify_release(folder, trusted)


def test_an_unsigned_folder_is_refused(folder, trusted):
    (folder / "manifest.dsse.json").unlink()
    with pytest.raises(Refused, match="not a signed release"):
        verify_release(folder, trusted)


def test_a_folder_that_is_not_there_is_named(trusted, tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        verify_release(tmp_path / "nowhere", trusted)


def test_a_release_signed_by_a_stranger_is_refused(folder, tmp_path):
    signing_key(tmp_path / "stranger")
    with pytest.raises(Refused, match="whom nobody here trusts"):
        verify_release(folder, read_trusted(trusted_folder(tmp_path / "stranger")))


def test_a_rightly_signed_release_in_the_place_of_another_is_told(folder, make_release, trusted):
    make_release(seed=14)
    with pytest.raises(Tampered, match=r"holds flight-delay@1.*flight-delay@2 should be"):
        verify_release(folder, trusted, model="flight-delay", number=2)


def test_materialising_again_does_not_heal_what_was_changed(folder, releases, layout, trusted):
    (folder / "model.pkl").write_bytes(b"other")
    with pytest.raises(Tampered, match=r"model\.pkl"):
        releases.materialise(layout, "flight-delay", 1, trusted)


def test_checking_a_release_needs_neither_the_ledger_nor_sql():
    code = """
import sys
import shipworthy.registry.verification
print([name for name in ("sqlalchemy", "alembic", "pandas", "sklearn", "pyarrow") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_numbers_count_up(make_release):
    assert [make_release(seed=seed).decode(Release).number for seed in (1, 2, 3)] == [1, 2, 3]


def test_releasing_the_same_run_again_gives_the_standing_release(releases, key, make_run, passed, rebuilt):
    run = make_run()
    evidence = Evidence(passed, CHECKS, rebuilt(run).id)
    first = releases.release(run, evidence, key)
    assert releases.release(run, evidence, key) == first
    assert len(releases.all("flight-delay")) == 1


def test_two_who_release_at_once_get_numbers_of_their_own(layout, objects, key, make_run, passed, rebuilt):
    runs = [make_run(seed=seed) for seed in range(5)]
    evidence = {run.id: Evidence(passed, CHECKS, rebuilt(run).id) for run in runs}

    def release(run):
        own = Ledger(layout.ledger_url)
        Releases(own, objects).release(run, evidence[run.id], key)
        own.close()

    threads = [threading.Thread(target=release, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = Ledger(layout.ledger_url)
    made = Releases(ledger, objects).all("flight-delay")
    assert [release.number for release in made] == [5, 4, 3, 2, 1]
    assert {release.run for release in made} == {run.id for run in runs}
    ledger.close()


def test_every_check_that_stands_against_a_release_is_named(releases, key, make_run, passed):
    verdicts = (*passed[:1], Verdict("quality", "blocked", "auc 0.58 below 0.6"))
    with pytest.raises(Refused) as raised:
        releases.release(make_run(), Evidence(verdicts, CHECKS), key)
    message = str(raised.value)
    assert "quality blocked: auc 0.58 below 0.6" in message
    assert "rebuild undecided: this check was never made" in message
    assert "data" not in message
    assert releases.all("flight-delay") == []


def test_what_could_only_not_be_measured_is_undecided_rather_than_refused(releases, key, make_run, passed):
    verdicts = (*passed[:2], Verdict("rebuild", "undecided", "the data is gone"))
    with pytest.raises(Undecided, match="the data is gone"):
        releases.release(make_run(), Evidence(verdicts, CHECKS), key)


@pytest.mark.parametrize("outcome", ["blocked", "undecided", "waived"])
def test_a_release_that_goes_through_without_all_proof_says_so_and_is_signed_so(
    releases, key, make_run, passed, outcome, contract, layout, trusted
):
    observing = msgspec.structs.replace(contract, gate=Gate(enforcement="observe"))
    verdicts = (*passed[:2], Verdict("rebuild", outcome, "switched off"))
    entry = releases.release(make_run(contract=observing), Evidence(verdicts, CHECKS), key)
    assert not entry.decode(Release).proven
    verified = releases.materialise(layout, "flight-delay", 1, trusted)
    assert not verified.proven
    assert f"rebuild {outcome}: switched off" in verified.unproven_because


def test_without_a_rebuild_nothing_is_proven(releases, key, make_run, passed):
    entry = releases.release(make_run(), Evidence(passed, CHECKS, rebuild=None), key)
    assert not entry.decode(Release).proven


def test_the_statement_says_what_the_release_was_made_from(make_release, objects, trusted):
    release = make_release().decode(Release)
    opened = open_envelope(objects.get(release.statement), trusted, "it")
    statement = read_statement(opened.payload, PROVENANCE)
    definition = statement.predicate["buildDefinition"]
    assert definition["externalParameters"]["parameters"] == {"learning_rate": 0.08}
    assert {"code", "environment", "flights"} == {d["name"] for d in definition["resolvedDependencies"]}
    assert "delta:data/flights?version=12" in {d.get("uri") for d in definition["resolvedDependencies"]}
    assert "model.pkl" in {subject.name for subject in statement.subject}


def test_a_release_that_does_not_exist_is_named(releases):
    with pytest.raises(NotFound, match="flight-delay has no release 7"):
        releases.get("flight-delay", 7)


def test_a_release_keeps_every_file_of_its_run(make_release, ledger):
    release = make_release().decode(Release)
    run = ledger.get(release.run).decode(Run)
    assert set(run.files) < set(release.files)
