"""docs/reference/errors.md: the tree as it is, each error with its exit code."""

from __future__ import annotations

import re

from docs.documents import DOCS

from shipworthy import errors
from shipworthy.errors import ShipworthyError

PAGE = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")


def tree(error: type[ShipworthyError]) -> list[type[ShipworthyError]]:
    """An error and all below it, in the order in which they are defined."""
    return [error, *(one for below in error.__subclasses__() for one in tree(below))]


OURS = [error for error in tree(ShipworthyError) if error.__module__ == errors.__name__]


def test_the_tree_is_drawn_as_it_is():
    drawn = PAGE.split("```text\n")[1].split("```")[0].splitlines()
    assert [re.sub(r"[^A-Za-z]", "", line) for line in drawn] == [error.__name__ for error in OURS]
    depths = [len(re.match(r"[│├└─ ]*", line)[0]) // 4 for line in drawn]  # type: ignore[index]
    assert depths == [len(error.__mro__) - len(ShipworthyError.__mro__) for error in OURS]


def test_every_error_is_told_with_its_exit_code():
    told = dict(re.findall(r"^\| `(\w+)` \| (\d) \|", PAGE, re.MULTILINE))
    assert told == {error.__name__: str(error.exit_code) for error in OURS[1:]}
