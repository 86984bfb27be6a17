"""A run is made again when the index that it was trained from is out of reach."""

from __future__ import annotations

import pytest
from acceptance.planted_project import wheel

from shipworthy.errors import Unbuildable, Undecided
from shipworthy.lineage.records import Run, Wheels
from shipworthy.training.wheels import keep_wheels

NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture
def out_of_reach(monkeypatch, tmp_path):
    """No index answers any more, and nothing that was fetched once is in a cache."""

    def take_away() -> None:
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
            monkeypatch.setenv(name, NOWHERE)
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    return take_away


# Its author has taken it back; whoever pins it gets it all the same, for as long as the index has its file.
YANKED = (
    "attrs==21.1.0 --hash=sha256:3901be1cb7c2a780f14668691474d9252c070a756be0a9ead98cfeabfa11aeb8 "
    "--hash=sha256:8ee1e5f5a1afc5b19bdfae4fdf0c35ed324074bdce3500c939842c8f818645d9\n"
)


def test_a_run_is_made_again_from_kept_wheels_alone(project, out_of_reach):
    """Of a release that was yanked, too: that it was is said before the training, and recorded."""
    wheels = project.folder.parent / "wheels"
    lock = project.folder / "requirements.lock"
    lock.write_text(lock.read_text() + wheel(wheels, "1.0", 1.5) + YANKED)
    (project.folder / "uv.toml").write_text(f'find-links = ["{wheels}"]\n')
    steps = []
    entry = project.train(
        project.contract("by_package", wheels="keep"), report=lambda step, done: steps.append((step, done))
    )
    (told,) = [step for step, done in steps if done is None]
    assert told.startswith("`attrs==21.1.0` is yanked (reason: ")
    assert told.endswith('pin another one, or keep its file with wheels = "keep" under [gate.rebuild]')
    assert steps.index((told, None)) < [step for step, _ in steps].index("train")
    (said,) = entry.decode(Run).environment.yanked
    assert told.startswith(said)
    kept = keep_wheels(entry, project.state)
    assert keep_wheels(entry, project.state) == kept, "once for a lock"
    record = kept.decode(Wheels)
    assert record.lock == entry.decode(Run).environment.lock
    assert {file.path.partition("-")[0] for file in record.files} == {
        "attrs",
        "numpy",
        "pyarrow",
        "scaling",
        "threadpoolctl",
    }
    out_of_reach()
    (wheels / "scaling-1.0-py3-none-any.whl").unlink()
    assert project.rebuild(entry).rung == "bit-identical"


def test_without_them_it_could_not_be_decided(project, out_of_reach):
    entry = project.train(project.contract("steady"))
    out_of_reach()
    with pytest.raises(Undecided, match="could not decide: the environment cannot be built any more"):
        project.rebuild(entry)
    with pytest.raises(Unbuildable, match="the wheels cannot be fetched"):
        keep_wheels(entry, project.state)
    assert project.state.ledger.entries("wheels") == []
