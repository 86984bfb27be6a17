"""How `pytest --numprocesses 2`, which is what `make test` runs, spreads the tests over processes.

A module's tests stay in one process, for they share what it starts. The slowest modules go first, so that all
processes end at about the same time.
"""

from __future__ import annotations

import pytest

# Folders whose tests share more than a module: here, the ports that one reader of the documentation was given.
WHOLE = ("tests/docs/",)
# From the slowest on, by what a run with `--durations=0` says; whatever is not named comes after them.
SLOWEST = (
    "tests/wiring/test_containers.py",
    "tests/docs/",
    "tests/trackers/test_registry_watch.py",
    "tests/adoption/test_unproven.py",
    "tests/wiring/test_swap.py",
    "tests/adoption/",
    "tests/wiring/",
    "tests/trackers/",
    "tests/acceptance/",
    "tests/rehearsal/",
    "tests/training/",
    "tests/cli/",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Whatever --dist says: any other would start a module's servers in every process."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - this file is read without xdist too

    class Spread(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False  # the order is that of `pytest_collection_modifyitems`
    return Spread(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every process has to find the same order."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place(item.nodeid))


def unit(nodeid: str) -> str:
    """The tests that stay together with this one, by name."""
    return next((folder for folder in WHOLE if nodeid.startswith(folder)), nodeid.partition("::")[0])


def place(nodeid: str) -> int:
    """The place of a test's unit in the queue."""
    return next((place for place, start in enumerate(SLOWEST) if nodeid.startswith(start)), len(SLOWEST))
