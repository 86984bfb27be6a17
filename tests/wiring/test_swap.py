"""Another release takes over while requests keep coming; one whose files were altered never does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from wiring.user import Up, User, eventually

from shipworthy.registry.aliases import Aliases

CALLERS = 4


class Load:
    """What callers were answered, in the order in which the answers came."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, float]] = []  # release and prediction
        self.dropped: list[str] = []

    def since(self, release: int) -> int:
        """How many answers of a release there are."""
        return sum(answered == release for answered, _ in self.answers)


@contextmanager
def load(up: Up, row: dict) -> Iterator[Load]:
    """Requests without a pause, over connections that are kept open; one that fails is not asked again."""
    seen, stop = Load(), threading.Event()

    def call() -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not stop.is_set():
                try:
                    answer = client.post(f"{up.url}/predict", json={"rows": [row]})
                    said = answer.raise_for_status().json()
                    seen.answers.append((said["release"], said["predictions"][0]["prediction"]))
                except httpx.HTTPError as error:
                    seen.dropped.append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def test_rollback_and_forth_under_load(user, row):
    """From a Python model to ONNX Runtime and back: nothing is dropped, and every answer is of the release it names."""
    with user.up() as up, load(up, row) as seen:
        eventually(lambda: seen.since(2) > 50, "answers of release 2")
        user.run("rollback")
        eventually(lambda: seen.since(1) > 50, "answers of release 1")
        before = len(seen.answers)
        user.run("rollback")
        eventually(lambda: any(release == 2 for release, _ in seen.answers[before:]), "answers of release 2 again")
    assert seen.dropped == []
    assert len({prediction for release, prediction in seen.answers if release == 1}) == 1
    assert len({prediction for release, prediction in seen.answers if release == 2}) == 1
    assert len(set(seen.answers)) == 2


def altered(path: Path) -> None:
    """One byte of a file is another."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.pkl", "code/clipped.py", "bundle.json", "contract.json"])
def test_an_altered_release_is_not_served(user, file):
    altered(user.layout.release("patients", 2) / file)
    said = user.run("up", "--port", 0, code=1).err
    assert file in said
    assert not user.processes()


def made_live(user: User, number: int) -> None:
    """As another machine does it that shares the ledger, and has files of its own."""
    with user.ledger() as ledger:
        Aliases(ledger).promote("patients", number, because="from elsewhere", by="somebody")


def test_a_running_server_keeps_the_old_release_where_the_new_one_is_altered(user, row):
    """And takes the new one over once its files are whole again."""
    folder = user.layout.release("patients", 1)
    model = next(path for path in folder.rglob("*.onnx"))
    whole = model.read_bytes()
    with user.up() as up:
        altered(model)
        assert model.name in user.run("rollback", code=1).err
        assert user.json("status")["live"]["number"] == 2
        made_live(user, 1)
        eventually(
            lambda: "release 1 of patients cannot be served, 2 goes on answering" in up.said, "the refusal to be told"
        )
        assert model.name in up.said
        assert up.predict(row)["release"] == 2
        model.write_bytes(whole)
        eventually(lambda: up.predict(row)["release"] == 1, "release 1 to answer")


def test_a_shadow_beside_the_live_release_under_load(user, row):
    """Release 1 predicts what 2 answers, and its own answers when live are what it said; nobody is dropped for it."""
    user.write("shipworthy.toml", (user.folder / "shipworthy.toml").read_text() + '[recording]\ncommit_every = "1s"\n')
    assert user.json("shadow", "@1") == {"release": 1, "runs": True}
    assert "@2 is live itself" in user.run("shadow", "@2", code=1).err
    with user.up() as up, load(up, row) as seen:
        eventually(lambda: seen.since(2) > 50, "answers of release 2")
        [prediction] = up.predict(row)["predictions"]
        compared = eventually(lambda: _compared(user, 50), "the shadow to have predicted")
        traced = eventually(lambda: user.json("lineage", prediction["id"])["shadows"], "its answer to this row")
        assert user.json("status")["shadow"]["release"] == 1
        assert "@1 is the shadow" in user.run("status").out
        user.run("rollback")
        eventually(lambda: seen.since(1) > 50, "answers of release 1")
        assert user.json("status")["shadow"] is None, "it is live now, and a shadow of nobody"
    assert seen.dropped == []
    (live,) = {said for release, said in seen.answers if release == 1}
    assert {release for release, _ in seen.answers} == {1, 2}
    assert len(set(seen.answers)) == 2
    assert [(one["release"], one["answer"]) for one in traced] == [(1, [live])]
    assert (compared["failed"], compared["refused"], compared["missed"]) == (0, 0, 0)
    (answered,) = {said for release, said in seen.answers if release == 2}
    distance = abs(live - answered)
    assert distance <= compared["largest"] <= 1.3 * distance
    report = user.json("shadow")
    assert report["shadow"]["runs"] is False
    assert report["shadow"]["answered"] >= compared["answered"]


def _compared(user: User, rows: int) -> dict | None:
    found = user.json("shadow")["shadow"]
    return found if found["answered"] >= rows else None
