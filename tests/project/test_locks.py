"""The locks are what makes one environment everywhere: each requirement is pinned by hash, and no index is named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted([*ROOT.glob("requirements/*.lock"), *ROOT.glob("benchmarks/*/locks/*.lock")])
REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<when>.+?))?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


def requirements(lock: Path) -> list[re.Match[str]]:
    text = re.sub(r"\s+\\\n\s+", " ", lock.read_text())
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    matches = [REQUIREMENT.fullmatch(line) for line in lines]
    assert None not in matches, f"not pinned by hash: {lines[matches.index(None)]!r}"
    return [match for match in matches if match]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_by_hash(lock):
    assert requirements(lock)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_lock_names_an_index(lock):
    assert not re.search(r"://|--(extra-)?index|--find-links", lock.read_text())


@pytest.mark.parametrize("name", ["bootstrap", "core"])
def test_the_smaller_locks_agree_with_the_largest(name):
    def versions(lock: str) -> set[tuple[str, str]]:
        return {
            (match["name"], match["version"]) for path in LOCKS if path.stem == lock for match in requirements(path)
        }

    assert versions(name) <= versions("dev")
