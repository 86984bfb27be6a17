"""docs/tutorial/first-model.md does what it says, from the first line to the last."""

from __future__ import annotations

import pytest
from docs.following import Reader


@pytest.mark.timeout(900)  # the tutorial is followed on the way, on whatever machine this is
@pytest.mark.needs("curl")
def test_the_tutorial_says_what_happens(tutorial: Reader):
    assert not tutorial.mistakes, "\n\n".join(tutorial.mistakes)
