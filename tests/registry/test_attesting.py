"""Every run and every rebuild has a statement, signed as it was made; what is older has none, and says so."""

import os
import signal
import subprocess
import sys
import threading

import msgspec
import pytest
from registry.conftest import CHECKS
from sqlalchemy import delete, update

from shipworthy import digest
from shipworthy.errors import InUse, Refused, Tampered, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.lineage.statement import PROVENANCE, VERIFICATION, read_statement
from shipworthy.registry.attesting import KIND, hold, record_rebuild, record_run, record_run_once, signers, statement_of
from shipworthy.registry.chain import prove
from shipworthy.registry.lineage import lineage_of_run
from shipworthy.registry.records import Release
from shipworthy.registry.releases import Evidence
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import open_envelope, read_trusted, trusted_folder
from shipworthy.store.tables import entries

# Signs as its parent tells it to: says "signing", and never comes back.
KILLED = """
import sys, time
from pathlib import Path
import msgspec
from shipworthy.lineage.records import Run
from shipworthy.registry.attesting import record_run
from shipworthy.registry.signing import signing_key
from shipworthy.store.ledger import Ledger

class Slow:
    def __init__(self, key):
        self.id, self._key = key.id, key

    def sign(self, statement):
        print("signing", flush=True)
        time.sleep(600)

run = msgspec.json.decode(Path(sys.argv[3]).read_bytes(), type=Run)
record_run(Ledger(sys.argv[1]), run, Slow(signing_key(Path(sys.argv[2]))), key="workflow:1")
"""


def told(ledger, entry, trusted, kind):
    return read_statement(open_envelope(statement_of(ledger, entry).envelope.encode(), trusted, "it").payload, kind)


def change(ledger, entry, **values):
    """What somebody with a database client can do."""
    with ledger.transaction() as connection:
        connection.execute(update(entries).where(entries.c.id == entry.id).values(**values))


def alter_statement(ledger, entry, change_envelope):
    """The statement of a run, with another envelope, and every digest of the ledger as it should be."""
    found = ledger.by_key(KIND, entry.model, entry.id)
    with ledger.transaction() as connection:
        connection.execute(delete(entries).where(entries.c.id == found.id))
    record = msgspec.json.decode(found.body)
    ledger.append(KIND, entry.model, change_envelope(record), subject=entry.id, key=entry.id)


def test_a_run_is_signed_as_it_is_made_from_what_and_into_what(ledger, make_run, trusted, key):
    entry = make_run()
    run, statement = entry.decode(Run), told(ledger, entry, trusted, PROVENANCE)
    details = statement.predicate["runDetails"]
    assert {each.name: each.digest["sha256"] for each in statement.subject} == {f.path: f.digest for f in run.files}
    assert details["metadata"]["invocationId"] == entry.id
    assert [each["name"] for each in statement.predicate["buildDefinition"]["resolvedDependencies"]] == [
        "code",
        "environment",
        "flights",
    ]
    record = next(each for each in details["byproducts"] if each["name"] == "record")
    assert record["digest"]["sha256"] == digest.of_bytes(entry.body)
    assert "release" not in statement.predicate
    assert hold(ledger, entry, trusted).key == key.id


@pytest.mark.parametrize(("rung", "result"), [("bit-identical", "PASSED"), ("different", "FAILED")])
def test_a_rebuild_is_signed_whatever_came_of_it_and_names_the_statement_of_its_run(
    ledger, make_run, rebuilt, trusted, rung, result
):
    run = make_run()
    made = rebuilt(run, rung)
    statement = told(ledger, made, trusted, VERIFICATION)
    assert statement.predicate["verificationResult"] == result
    assert statement.predicate["rebuild"]["rung"] == rung
    attested = statement.predicate["inputAttestations"][0]["digest"]["sha256"]
    assert attested == digest.of_bytes(statement_of(ledger, run).envelope.encode())
    assert hold(ledger, made, trusted) is not None


def test_a_key_that_is_killed_while_it_signs_leaves_neither_run_nor_statement_and_a_repeat_makes_both(
    ledger, make_run, configuration, key, trusted, tmp_path
):
    run = make_run().decode(Run)
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(run, seed=14)))
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, ledger.url, configuration, tmp_path / "run.json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "signing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(ledger.entries("run")) == len(ledger.entries(KIND)) == 1
    again = record_run(ledger, msgspec.structs.replace(run, seed=14), key, key="workflow:1")
    assert hold(ledger, again, trusted) is not None
    assert len(ledger.entries("run")) == len(ledger.entries(KIND)) == 2


def test_of_two_that_record_one_step_one_stands_with_one_statement(ledger, make_run, key, trusted):
    run, made, failed = msgspec.structs.replace(make_run().decode(Run), seed=99), [], []

    def record(place):
        try:
            made.append(record_run_once(ledger, msgspec.structs.replace(run, finished=3000 + place), key, key="one"))
        except BaseException as error:  # an assertion below shows it
            failed.append(error)

    threads = [threading.Thread(target=record, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len({entry.id for entry in made}) == 1
    assert len(ledger.entries(KIND)) == 2
    assert hold(ledger, made[0], trusted) is not None
    with pytest.raises(InUse):
        record_run(ledger, msgspec.structs.replace(run, finished=9000), key, key="one")
    assert len(ledger.entries(KIND)) == 2


def test_a_changed_statement_and_one_of_another_run_are_told(ledger, make_run, trusted):
    entry, other = make_run(), make_run(seed=14)
    foreign = statement_of(ledger, other).envelope
    alter_statement(ledger, entry, lambda record: {**record, "envelope": foreign})
    with pytest.raises(Tampered, match=f"the run is {other.id} there, and {entry.id} here"):
        hold(ledger, entry, trusted)
    envelope = msgspec.json.decode(foreign)
    envelope["payload"] = envelope["payload"][:-8] + "AAAA" + envelope["payload"][-4:]
    alter_statement(ledger, other, lambda record: {**record, "envelope": msgspec.json.encode(envelope).decode()})
    with pytest.raises(Tampered, match="does not fit its content"):
        hold(ledger, other, trusted)


def test_a_record_that_was_changed_with_all_digests_of_the_ledger_made_anew_is_told(ledger, make_run, trusted):
    """The ledger's own digests have no key: whoever writes to it can make them fit. The statement has one."""
    entry = make_run()
    better = msgspec.structs.replace(entry.decode(Run), metrics={"auc": 0.99})
    forged = ledger.append("run", entry.model, better)
    signed = msgspec.json.decode(ledger.by_key(KIND, entry.model, entry.id).body)
    with pytest.raises(Refused, match=r"carries no statement, and .* is signed since .* put into the ledger by hand"):
        hold(ledger, forged, trusted)
    ledger.append(KIND, entry.model, signed, subject=forged.id, key=forged.id)
    with pytest.raises(Tampered, match="the run is"):
        hold(ledger, forged, trusted)
    change(ledger, forged, body=forged.body.decode().replace("0.99", "0.98"))
    with pytest.raises(Tampered, match="was changed after it was written"):
        ledger.get(forged.id)


def test_a_rebuild_whose_rung_was_raised_is_told(ledger, make_run, rebuilt, trusted):
    made = rebuilt(make_run(), "different")
    better = msgspec.structs.replace(made.decode(Rebuild), rung="bit-identical")
    forged = ledger.append("rebuild", made.model, better, subject=made.subject)
    signed = msgspec.json.decode(ledger.by_key(KIND, made.model, made.id).body)
    ledger.append(KIND, made.model, signed, subject=forged.id, key=forged.id)
    with pytest.raises(Tampered, match="the rung is different there, and bit-identical here"):
        hold(ledger, forged, trusted)


def test_a_key_that_nobody_trusts_is_refused_with_what_to_do(ledger, make_run, tmp_path):
    signing_key(tmp_path / "stranger")
    with pytest.raises(Refused, match=r"the statement of run-\w+ is signed by .* copy their public key"):
        hold(ledger, make_run(), read_trusted(trusted_folder(tmp_path / "stranger")))


def test_what_is_older_is_read_released_and_said_to_be_unsigned(
    ledger, make_release, make_run, rebuilt, releases, layout, trusted, key
):
    release = make_release(signed=False).decode(Release)
    run, made = ledger.get(release.run), ledger.get(release.rebuild)
    assert hold(ledger, run, trusted) is None
    assert signers(ledger, run, made) == "run not signed as it was made, rebuild not signed as it was made"
    lineage = lineage_of_run(ledger, run)
    assert (lineage.signed_by, lineage.rebuilds[0].signed_by) == ("", "")
    proof = prove(releases.materialise(layout, "flight-delay", 1, trusted).folder, trusted)
    assert [each.file for each in proof.statements][3:] == []
    assert proof.notes == (
        "its run was not signed as it was made: only who released it speaks for it",
        "its rebuild was not signed as it was made: only who released it speaks for it",
    )
    again = rebuilt(run)  # by this shipworthy: the rebuild of an old run is signed, and names no statement of it
    assert hold(ledger, again, trusted) is not None
    assert hold(ledger, run, trusted) is None
    assert signers(ledger, run, again) == f"rebuild signed by {key.id[:16]}, run not signed as it was made"


def test_a_release_carries_what_was_signed_by_another_key_when_it_was_trained(
    ledger, make_run, passed, releases, layout, configuration, tmp_path, key
):
    """A training machine has its own key, and whoever releases trusts it: the level goes by who trained."""
    trainer = signing_key(tmp_path / "trainer")
    run = record_run(ledger, msgspec.structs.replace(make_run().decode(Run), seed=21), trainer)
    made = Rebuild(1, run.id, "bit-identical", "prediction-identical", 0.0, (), 1.0, 3000, run.decode(Run).environment)
    rebuild = record_rebuild(ledger, made, trainer)
    releases.release(run, Evidence(passed, CHECKS, rebuild.id), key)
    folder = releases.materialise(layout, run.model, 1, read_trusted(trusted_folder(configuration))).folder
    with pytest.raises(Refused, match=r"made/run\.dsse\.json is signed by .*, whom nobody here trusts"):
        prove(folder, read_trusted(trusted_folder(configuration)))
    for public in trusted_folder(tmp_path / "trainer").iterdir():
        (trusted_folder(configuration) / f"trainer-{public.name}").write_bytes(public.read_bytes())
    both = read_trusted(trusted_folder(configuration))
    assert prove(folder, both, services=(trainer.id,)).slsa.level == 2
    assert prove(folder, both, services=(key.id,)).slsa.level == 1
    assert signers(ledger, run, rebuild) == f"run and rebuild signed by {trainer.id[:16]}"


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_key_that_can_be_neither_made_nor_read_is_told_with_where_to_put_it(tmp_path):
    (tmp_path / "configuration").write_text("a file where the folder should be")
    with pytest.raises(WrongUse, match=r"can be neither read nor made: .*SHIPWORTHY_CONFIG"):
        signing_key(tmp_path / "configuration")
