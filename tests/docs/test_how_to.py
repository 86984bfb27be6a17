"""docs/how-to: every page does what it says, in the project that the tutorial ends with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docs.documents import DOCS
from docs.following import Reader

FOLDER = DOCS / "how-to"
# Each is followed in a project of its own; where there are two, the second begins where the first ends.
CHAINS = (
    ("adopt-a-model",),
    ("call-the-server",),
    ("check-an-endpoint",),
    ("change-a-contract", "let-a-check-pass"),
    ("go-back",),
    ("keep-data-for-rebuilds",),
    ("label-predictions",),
    ("read-an-alarm",),
    ("run-in-a-container",),
    ("record-a-service",),
    ("run-under-an-orchestrator",),
    ("score-a-table",),
    ("serve-many-models",),
    ("shadow-a-release",),
    ("share-a-ledger",),
    ("train-by-a-command",),
    ("use-mlflow-or-wandb",),
    ("verify-a-release",),
    ("watch-without-a-server",),
)


def test_every_page_is_followed():
    assert sorted(page for chain in CHAINS for page in chain) == sorted(
        path.stem for path in FOLDER.glob("*.md") if path.stem != "index"
    )


@pytest.mark.timeout(900)  # the tutorial is followed on the way, on whatever machine this is
@pytest.mark.needs("curl", "openssl")
@pytest.mark.parametrize("chain", CHAINS, ids="+".join)
def test_the_page_says_what_happens(chain: tuple[str, ...], reader: Callable[[], Reader]):
    following = reader()
    for page in chain:
        following.follow(FOLDER / f"{page}.md")
    assert not following.mistakes, "\n\n".join(following.mistakes)
