"""Whether what a command printed is what its page shows.

Words have to agree, in order, line by line. Numbers and ids are those of one run and agree with any other; `…` stands
for any text, and alone on its line for any lines. Blank lines and the width of columns do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

ELLIPSIS = "…"

# A prediction's id, a record's id, an instant, a word with a digit in it, a number: the longest that fits.
_VARYING = re.compile(
    r"…"
    r"|\d+-[a-z0-9]+-[a-z0-9]+-\d+-\d+-\d+"
    r"|\b[a-z]+-[0-9a-f]{16}\b"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?"
    r"|\d[\d,]*(\.\d+)?(e-?\d+)?\b"
    r"|\b\w*\d\w*\b"
)
_ID = re.compile(r"\d+-[a-z0-9]+-[a-z0-9]+-\d+-\d+-\d+|\b[a-z]+-[0-9a-f]{16}\b")


def differences(shown: Sequence[str], printed: Sequence[str]) -> str:
    """What the page shows that was not printed, or the other way round; "" where they agree."""
    wanted, found = _lines(shown), _lines(printed)
    if _agree(wanted, found):
        return ""
    return "\n".join(["the page shows", *(f"  {line}" for line in wanted), "it says", *(f"  {one}" for one in found)])


def ids(shown: Sequence[str], printed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Ids that the page shows, each with the one that stands in its place in this run."""
    found = _lines(printed)
    for line in _lines(shown):
        pattern = _pattern(line)
        same = next((one for one in found if pattern.fullmatch(one)), "") if _ID.search(line) else ""
        yield from zip(_ID.findall(line), _ID.findall(same), strict=False)


def _lines(lines: Sequence[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines if line.strip()]


def _agree(wanted: Sequence[str], found: Sequence[str]) -> bool:
    if not wanted:
        return not found
    if wanted[0] == ELLIPSIS:
        return any(_agree(wanted[1:], found[skipped:]) for skipped in range(len(found) + 1))
    return bool(found) and bool(_pattern(wanted[0]).fullmatch(found[0])) and _agree(wanted[1:], found[1:])


def _pattern(line: str) -> re.Pattern[str]:
    parts, end = [], 0
    for varying in _VARYING.finditer(line):
        parts += [re.escape(line[end : varying.start()]), _any_like(varying[0])]
        end = varying.end()
    return re.compile("".join([*parts, re.escape(line[end:])]))


def _any_like(text: str) -> str:
    if text == ELLIPSIS:
        return ".*"
    if _ID.fullmatch(text):
        return r"[\w-]+"
    if re.fullmatch(r"\d[\d,]*(\.\d+)?(e-?\d+)?", text):
        return r"\d[\d,]*(\.\d+)?(e-?\d+)?"
    return r"[\w:.+-]+"
