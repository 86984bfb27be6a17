"""`shipworthy verify`: a copied release folder on a machine without project, database or key of its own."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from wiring.user import User, settings


@pytest.fixture
def received(user: User, tmp_path: Path) -> Path:
    """The folder as it arrives."""
    return shutil.copytree(user.layout.release("patients", 1), tmp_path / "received")


@pytest.fixture
def elsewhere(tmp_path: Path, cache: Path) -> User:
    """Somebody on another machine, who trusts nobody yet."""
    return User(tmp_path / "elsewhere", settings(tmp_path / "elsewhere", cache))


@pytest.fixture
def public(user: User) -> Path:
    """The releaser's public key."""
    (found,) = (Path(user.settings["SHIPWORTHY_CONFIG"]) / "trusted").glob("*.pem")
    return found


def test_what_was_proven_is_said_and_the_level_comes_from_the_evidence(elsewhere, received, public):
    said = elsewhere.json("verify", received, "--trust", public, "--proven")
    assert (said["model"], said["number"], said["proven"]) == ("patients", 1, True)
    assert said["rebuild"]["run"] == said["run"]
    assert all(verdict["outcome"] == "passed" for verdict in said["verdicts"])
    assert [each["file"] for each in said["statements"]][3:] == ["made/run.dsse.json", "made/rebuild.dsse.json"]
    assert said["slsa"]["level"] == 1
    assert elsewhere.json("verify", received, "--service", public, "--level", 2)["slsa"]["level"] >= 2
    told = elsewhere.run("verify", received, "--trust", public).out
    assert "SLSA build level reached: 1 of 3" in told
    assert "is not known to be a build service's" in told
    assert not (elsewhere.folder / ".shipworthy").exists()
    assert not Path(elsewhere.settings["SHIPWORTHY_CONFIG"]).exists()  # nobody signs anything here


@pytest.mark.needs("openssl")
def test_every_way_not_to_be_what_was_signed_is_refused(elsewhere, received, public, tmp_path):
    assert "whom nobody here trusts" in elsewhere.run("verify", received, code=1).err
    stranger = tmp_path / "stranger.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "private.pem"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "private.pem", "-pubout", "-out", stranger], check=True)
    assert "whom nobody here trusts" in elsewhere.run("verify", received, "--trust", stranger, code=1).err
    assert "no public key in PEM" in elsewhere.run("verify", received, "--trust", tmp_path / "private.pem", code=2).err
    assert "there is none" in elsewhere.run("verify", received, "--trust", tmp_path / "none.pem", code=2).err
    assert "is no folder" in elsewhere.run("verify", tmp_path / "nowhere", "--trust", public, code=2).err
    assert "is not a signed release" in elsewhere.run("verify", public.parent, "--trust", public, code=1).err
    assert (
        "reaches SLSA build level 1, not 3"
        in elsewhere.run("verify", received, "--trust", public, "--level", 3, code=1).err
    )
    (received / "model.pkl").write_bytes(b"another")
    assert "model.pkl was changed after" in elsewhere.run("verify", received, "--trust", public, code=1).err


def test_a_run_its_rebuilds_and_a_release_are_verified_by_name(user, public):
    said = user.json("verify", "@1")
    assert (said["number"], said["proven"]) == (1, True)
    run = said["run"]
    found = user.json("verify", run)
    assert [each["kind"] for each in found["held"]][:2] == ["run", "rebuild"]
    assert len({each["key"] for each in found["held"]}) == 1
    assert found["objects"] > 3
    assert user.json("verify", found["held"][1]["id"]) == found  # a rebuild is that of its run
    told = user.run("verify", run, "--trust", public).out
    assert f"{run} is as {found['held'][0]['key'][:16]} signed it when it was made" in told
    assert "are asked of a release" in user.run("verify", run, "--proven", code=2).err
    assert "there is no folder received, and nothing is called" in user.run("verify", "received", code=2).err
    assert "signed: as it was made, by" in user.run("lineage", run).out
    assert f"run and rebuild signed by {found['held'][0]['key'][:16]}" in user.run("status").out


def test_a_run_with_a_changed_object_statement_or_record_is_refused_and_not_released(user):
    run = user.json("verify", "@1")["run"]
    model = json.loads(user.run("show", run).out)["record"]["model_digest"]
    ledger = user.layout.state / "ledger.db"
    path = user.layout.state / "objects" / "sha256" / model[:2] / model[2:]
    whole = path.read_bytes()
    path.write_bytes(b"another")
    assert "was changed" in user.run("verify", run, code=1).err
    path.write_bytes(whole)
    with sqlite3.connect(ledger) as connection:  # what makes it look like one of before statements
        connection.execute("delete from entries where kind = 'statement' and subject = ?", (run,))
        connection.execute("delete from entries where kind = 'release'")
    connection.close()
    lost = f"names a statement of {run}, and the ledger holds none"
    assert lost in user.run("verify", run, code=1).err
    assert lost in user.run("release", run, code=1).err
    with sqlite3.connect(ledger) as connection:
        connection.execute("delete from entries where kind = 'statement'")
    connection.close()
    assert "nobody signed what it was made from" in user.run("verify", run, code=3).err
    assert user.json("release", run)["run"] == run  # what is older is released as before
    assert "run not signed as it was made, rebuild not signed as it was made" in user.run("status").out
    assert "signed: not as it was made" in user.run("lineage", run).out
