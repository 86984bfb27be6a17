"""`shipworthy verify`: a copied release folder on a machine without project, database or key of its own."""

from __future__ import annotations

import shutil
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
